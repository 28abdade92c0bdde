"""The arguments of `{% picture %}`, here and on other sites: flat words, of which some are parameters of the URL."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from imgopt_client.image import Image
from imgopt_client.markup import Picture, picture
from imgopt_client.service import Service

OWN = frozenset({"widths", "sizes", "preset", "art", "formats", "hero", "loading", "fetchpriority", "decoding", "lqip"})
"""What `picture` takes besides `alt` and `class`; all else is a parameter of the delivery URL."""


def described(service: Service, image: Image, expires_at: int | None, /, *, alt: str, **said: Any) -> Picture:
    """This will describe a picture of flat arguments such as `sizes="50vw", ar="16:9", fit="crop"`."""
    own = {name: said.pop(name) for name in OWN & said.keys()}
    class_ = said.pop("class", "") or said.pop("class_", "")
    return picture(service, image, alt=alt, class_=class_, params=parameters(said), expires_at=expires_at, **own)


def parameters(said: Mapping[str, Any]) -> dict[str, Any]:
    """This will write `fp_x` as `fp-x`: template tags and Python take no hyphens in names."""
    return {name.replace("_", "-"): value for name, value in said.items()}


def missing(*, alt: str, class_: str = "", fallback: str = "") -> str:
    """This will stand in the place of a picture that is not there: the picture at `fallback`, or its words alone.

    >>> missing(alt="A shoe", class_="card")
    '<span class="imgopt-missing card" role="img" aria-label="A shoe"></span>'
    """
    words = f' class="{escape(f"imgopt-missing {class_}".strip())}"'
    if fallback:
        return f'<img src="{escape(fallback)}" alt="{escape(str(alt))}"{words}>'
    return f'<span{words} role="img" aria-label="{escape(str(alt))}"></span>' if alt else f"<span{words}></span>"
