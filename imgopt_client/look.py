"""What of a result can be told before it is there: whether it is transparent, and what may stand in its place."""

from __future__ import annotations

import re
from collections.abc import Mapping

from imgopt_client.image import Image

SEE_THROUGH = re.compile(r"transparent|(?!f)[0-9a-f][0-9a-f]{3}|(?!ff)[0-9a-f]{2}[0-9a-f]{6}", re.IGNORECASE)
DATA_URI = re.compile(r"data:image/[a-z]+;base64,[A-Za-z0-9+/]+={0,2}")
COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
FAITHFUL = frozenset(
    {"w", "h", "ar", "fit", "crop", "fp-x", "fp-y", "enlarge", "snap", "q", "auto", "blur", "sharp", "bg", "preset"}
    | {"min-worst-tile", "max-delta-e", "max-bytes", "dl", "refine"}
)
"""What may be done to a picture so that its placeholder still looks like it."""


def moves(image: Image, wanted: Mapping[str, str]) -> bool:
    return image.animated and "page" not in wanted


def keeps_alpha(image: Image, wanted: Mapping[str, str]) -> bool:
    """Whether the result may have transparent pixels, as the service decides it."""
    if "bg" in wanted:
        return SEE_THROUGH.fullmatch(wanted["bg"]) is not None
    return image.has_alpha or "mask" in wanted


def background(image: Image, wanted: Mapping[str, str]) -> str:
    """This will give CSS for the place of a picture that is still on its way; nothing where it would show later.

    The placeholder goes into a style attribute, so it is looked at closely.
    """
    if keeps_alpha(image, wanted) or wanted.get("fit") in ("fill", "contain", "fillmax") or wanted.keys() - FAITHFUL:
        return ""
    colour = image.dominant_colour if COLOUR.fullmatch(image.dominant_colour) else ""
    if not DATA_URI.fullmatch(image.placeholder):
        return f"background:{colour}" if colour else ""
    return f"background:{colour}{' ' if colour else ''}url({image.placeholder}) center/cover no-repeat"
