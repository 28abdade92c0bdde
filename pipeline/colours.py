"""Colours as text: imgix's hex forms, with alpha first, and the colour names of CSS."""

from __future__ import annotations

import re

from PIL import ImageColor

from pipeline.spec import Colour

HEX = re.compile(r"[0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8}")


def read_colour(text: str) -> Colour:
    """This will give red, green, blue and alpha, 0..255 each; ValueError for anything that is no colour.

    >>> read_colour("80ff0000")
    (255, 0, 0, 128)
    >>> read_colour("f00") == read_colour("red")
    True
    >>> read_colour("transparent")
    (0, 0, 0, 0)
    """
    if HEX.fullmatch(text):
        return _read_hex(text)
    if text.lower() == "transparent":
        return 0, 0, 0, 0
    if text.lower() not in ImageColor.colormap:
        raise ValueError(text)
    # Not what the map has of it: Pillow puts numbers in the place of a text that it has read once.
    red, green, blue = ImageColor.getrgb(text.lower())[:3]
    return red, green, blue, 255


def write_colour(colour: Colour) -> str:
    """This will give the canonical text: `rrggbb` for an opaque colour, else `aarrggbb`.

    >>> write_colour((255, 0, 0, 128)), write_colour((255, 0, 0, 255))
    ('80ff0000', 'ff0000')
    """
    red, green, blue, alpha = colour
    parts = (red, green, blue) if alpha == 255 else (alpha, red, green, blue)
    return bytes(parts).hex()


def _read_hex(text: str) -> Colour:
    if len(text) <= 4:
        text = "".join(digit * 2 for digit in text)
    parts = bytes.fromhex(text)
    alpha = parts[0] if len(parts) == 4 else 255
    red, green, blue = parts[-3:]
    return red, green, blue, alpha
