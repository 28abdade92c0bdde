"""The typefaces that text may be set in, out of a package: the machine's own fonts are never asked.

So the same text has the same pixels everywhere, and a server needs no fonts. Noto Sans has all of Latin (with
Vietnamese), Greek and Cyrillic, Fira Mono most of it.
"""

from __future__ import annotations

import io
from functools import cache
from importlib import import_module
from typing import Final

from PIL import ImageFont

_MODULES: Final = {
    "sans": "NotoSans_Regular",
    "bold": "NotoSans_Bold",
    "italic": "NotoSans_Italic",
    "bold,italic": "NotoSans_BoldItalic",
    "mono": "FiraMono_Regular",
    "mono,bold": "FiraMono_Bold",
}
"""By canonical word, the module of `pymupdf_fonts` that holds the file."""

FONTS: Final[dict[str, str]] = {
    **{font: font for font in _MODULES},
    "sans-serif": "sans",
    "sans,bold": "bold",
    "sans,italic": "italic",
    "italic,bold": "bold,italic",
    "bold,mono": "mono,bold",
    "monospace": "mono",
}
"""Word → canonical word."""


def load(font: str, size: int) -> ImageFont.FreeTypeFont:
    """This will open a typeface at a size in pixels.

    Glyphs are set one after another with kerning (`Layout.BASIC`); shaping would hang on a library of the machine.
    """
    return ImageFont.truetype(io.BytesIO(_file(font)), size, layout_engine=ImageFont.Layout.BASIC)


@cache
def _file(font: str) -> bytes:
    """The package holds each file packed: 13 to 23 ms, paid once a process."""
    return bytes(import_module(f"pymupdf_fonts.{_MODULES[font]}").fontbuffer)
