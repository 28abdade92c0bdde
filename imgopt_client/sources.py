"""`srcset`: the candidates among which a browser chooses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from imgopt_client.errors import BadArgument
from imgopt_client.image import Image
from imgopt_client.offer import Offer, offer_of, read_widths
from imgopt_client.parameters import check_names
from imgopt_client.service import Params, Service, meaning, texts
from imgopt_client.urls import variant_urls

Widths = str | Sequence[int | str] | None

TYPES = {"avif": "image/avif", "webp": "image/webp", "jpg": "image/jpeg", "png": "image/png", "gif": "image/gif"}


@dataclass(frozen=True, slots=True)
class Candidate:
    url: str
    descriptor: str
    """`640w` for a fluid picture, `2x` for one of a fixed size."""
    width: int
    height: int
    """Pixels of the file that comes."""


def srcset(
    service: Service,
    image: Image,
    *,
    widths: Widths = None,
    params: Params | None = None,
    fm: str = "",
    expires_at: int | None = None,
) -> str:
    """This will give the value of the attribute; `fm` is one format for all, else the service negotiates it."""
    said = checked(params)
    offer = offered(service, image, said, widths, None)
    return written(urls_of(service, image, service.versioned(said), offer, fm, expires_at), offer)


def candidates(
    service: Service,
    image: Image,
    *,
    widths: Widths = None,
    params: Params | None = None,
    fm: str = "",
    expires_at: int | None = None,
) -> tuple[Candidate, ...]:
    """This will give the candidates of `srcset` one by one, the smallest first."""
    said = checked(params)
    offer = offered(service, image, said, widths, None)
    urls = urls_of(service, image, service.versioned(said), offer, fm, expires_at)
    return tuple(
        Candidate(url, step.descriptor, step.width, step.height) for url, step in zip(urls, offer.steps, strict=True)
    )


def checked(params: Params | None) -> dict[str, str]:
    """This will read an author's parameters, or raise `BadArgument`."""
    said = texts(params or {})
    check_names(said)
    if "fm" in said or "format" in said:
        raise BadArgument("Expected no fm among the parameters of markup: formats says which there are.")
    return said


def offered(service: Service, image: Image, said: Mapping[str, str], widths: Widths, sizes: str | None) -> Offer:
    wanted = meaning(service, said)
    size = (image.width, image.height)
    return offer_of(size, said, wanted, widths=read_widths(widths), has_sizes=sizes is not None, bounds=service.bounds)


def urls_of(
    service: Service, image: Image, params: Mapping[str, str], offer: Offer, fm: str, expires_at: int | None
) -> list[str]:
    return variant_urls(
        service.url,
        image.reference,
        {**params, "fm": read_format(fm)} if fm else params,
        service.key,
        revision=image.revision,
        name=offer.name,
        values=offer.values,
        expires_at=expires_at,
    )


def written(urls: Sequence[str], offer: Offer) -> str:
    return ", ".join([f"{url} {step.descriptor}" for url, step in zip(urls, offer.steps, strict=True)])


def read_format(name: str) -> str:
    kind = "jpg" if name == "jpeg" else name
    if kind not in TYPES:
        raise BadArgument(f"Expected formats out of {', '.join(TYPES)}, received {name[:40]!r}.")
    return kind


def read_formats(names: str | Sequence[str]) -> tuple[str, ...]:
    """This will read `avif,webp` or names; nothing stands for none."""
    return tuple(read_format(name.strip()) for name in (names.split(",") if isinstance(names, str) else names) if name)
