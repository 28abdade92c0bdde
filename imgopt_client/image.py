"""What markup must know of a picture. A site keeps it beside its own record, or asks the service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from imgopt_client.errors import BadArgument

MOVING_FORMATS = frozenset({"gif", "webp"})


@dataclass(frozen=True, slots=True)
class Image:
    """Facts of a master."""

    reference: str
    """Its key, or its id."""
    width: int
    height: int
    """In pixels, of the upright picture."""
    revision: int | None = None
    """Part of URLs as `v`; without it, caches ask again every minute."""
    has_alpha: bool = False
    animated: bool = False
    """Whether it moves and can stay moving: a GIF or WebP of several pages."""
    placeholder: str = ""
    """A tiny picture as a data URI."""
    dominant_colour: str = ""
    """As #rrggbb."""

    def __post_init__(self) -> None:
        if not (self.reference and self.width > 0 and self.height > 0):
            raise BadArgument(
                f"Expected a reference and a size in pixels for a picture, "
                f"received {self.reference[:40]!r} of {self.width} × {self.height}."
            )


def from_api(document: Mapping[str, Any]) -> Image:
    """This will read what `GET /api/v1/image/{image}` answers."""
    try:
        return Image(
            reference=str(document.get("origin") or document["key"] or document["id"]),
            width=int(document["width"]),
            height=int(document["height"]),
            revision=int(document["revision"]),
            has_alpha=bool(document["hasAlpha"]),
            animated=int(document["pages"]) > 1 and document["format"] in MOVING_FORMATS,
            placeholder=str(document.get("placeholder") or ""),
            dominant_colour=str(document.get("dominantColour") or ""),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadArgument(
            f"Expected a picture as GET /api/v1/image/… tells it, received one without {error}."
        ) from error
