"""Markup for masters: what `imgopt_client` makes of the facts in the database, with the key that signs now.

The template tags, the REST API and Jinja2 use these functions. They touch no pixels and no network, and the database
only where a master is named instead of given, or where a picture is debugged.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.utils.safestring import SafeString, mark_safe

from assets.errors import MasterNotFound
from assets.masters import known_master
from assets.models import Master
from delivery import keyring, presets, publish
from delivery.debugging import debugged
from delivery.errors import Mismatch
from delivery.presets import PresetTable
from delivery.recent import RECENT
from delivery.variants import ANIMATED_FORMATS
from imgopt_client import arguments
from imgopt_client.errors import BadArgument
from imgopt_client.errors import Mismatch as MismatchInClient
from imgopt_client.geometry import Bounds
from imgopt_client.image import Image
from imgopt_client.markup import Picture
from imgopt_client.service import Service, texts
from imgopt_client.signing import SigningKey
from imgopt_client.sources import Candidate, candidates
from pipeline.errors import BadParameter


def picture(
    master: Master,
    /,
    *,
    alt: str,
    expires_in: int | str | None = None,
    absolute: bool = True,
    debug: bool = False,
    **said: Any,
) -> SafeString:
    """This will give the `<picture>` of a master; docs/markup.md has every argument."""
    made = described(master, alt=alt, expires_in=expires_in, absolute=absolute, **said)
    return mark_safe((debugged(master, made) if debug else made).html)  # noqa: S308


def described(
    master: Master, /, *, alt: str, expires_in: int | str | None = None, absolute: bool = True, **said: Any
) -> Picture:
    """This will give the attributes of each element of a picture."""
    with _told():
        made = service(absolute=absolute)
        return arguments.described(made, image_of(master), _expires_at(expires_in), alt=alt, **said)


def srcset(master: Master, /, **said: Any) -> str:
    """This will give the value of a `srcset` attribute; `fm` is its format, without which it is negotiated."""
    return ", ".join(f"{each.url} {each.descriptor}" for each in offered(master, **said))


def offered(
    master: Master,
    /,
    *,
    widths: Any = None,
    fm: str = "",
    expires_in: int | str | None = None,
    absolute: bool = True,
    **said: Any,
) -> tuple[Candidate, ...]:
    """This will give the candidates of a `srcset` one by one."""
    with _told():
        return candidates(
            service(absolute=absolute),
            image_of(master),
            widths=widths,
            params=arguments.parameters(said),
            fm=fm,
            expires_at=_expires_at(expires_in),
        )


def variant_url(
    master: Master, /, *, expires_in: int | str | None = None, absolute: bool = True, file_name: str = "", **said: Any
) -> str:
    """This will give the signed URL of one variant."""
    sign = publish.signed_url if absolute else publish.signed_path
    return sign(master, texts(arguments.parameters(said)), file_name=file_name, expires_in_seconds=_seconds(expires_in))


def find(value: object) -> Master | None:
    """This will give the master that is meant: itself, its id, its key or its origin's path; `None`: there is none.

    An origin is not asked: its picture is known once it was delivered or imported.
    """
    if isinstance(value, Master):
        return value
    if isinstance(value, uuid.UUID):
        value = str(value)
    if value is not None and not isinstance(value, str):
        raise BadParameter(f"Expected a master, its id or its key, received {type(value).__name__}.")
    try:
        return (known_master(value) if value.startswith("@") else RECENT.get(value)) if value else None
    except MasterNotFound:
        return None


def image_of(master: Master) -> Image:
    """This will give the facts of a master that markup needs."""
    blob = master.blob
    return Image(
        reference=master.reference,
        width=blob.width,
        height=blob.height,
        revision=master.revision,
        has_alpha=blob.has_alpha,
        animated=blob.pages > 1 and blob.format in ANIMATED_FORMATS,
        placeholder=blob.placeholder,
        dominant_colour=blob.dominant_colour,
    )


def service(*, absolute: bool = True) -> Service:
    """This will give this very service as the client package knows it."""
    config = settings.CONFIG
    return _service(
        settings.IMGOPT_PUBLIC_URL if absolute else "",
        keyring.signer(),
        presets.current(),
        config.delivery_ladder,
        config.limit_output_side,
        config.limit_output_megapixels,
    )


@lru_cache(maxsize=16)
def _service(
    url: str, key: SigningKey, table: PresetTable, ladder: tuple[int, ...], side: int, megapixels: float
) -> Service:
    return Service(
        url=url,
        key=key,
        bounds=Bounds(ladder, side, megapixels),
        presets={preset.name: preset.params for preset in table},
        check=publish.checked_version,
    )


def _expires_at(expires_in: int | str | None) -> int | None:
    seconds = _seconds(expires_in)
    return None if seconds is None else int(time.time()) + seconds


def _seconds(expires_in: int | str | None) -> int | None:
    text = str(expires_in)
    if expires_in is None or (text.isascii() and text.isdigit() and 1 <= int(text) <= publish.MAX_EXPIRES_IN_SECONDS):
        return None if expires_in is None else int(text)
    raise BadParameter(
        f"Expected 1 to {publish.MAX_EXPIRES_IN_SECONDS} seconds for the time to expiry, received {text[:40]!r}."
    )


@contextmanager
def _told() -> Iterator[None]:
    """This will give the client's sentences the service's name."""
    try:
        yield
    except MismatchInClient as error:
        raise Mismatch(str(error)) from error
    except BadArgument as error:
        raise BadParameter(str(error)) from error
