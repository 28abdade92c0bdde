"""One decode of everything: it finds what is damaged, and leaves a small picture of the first page."""

from __future__ import annotations

from typing import Any

import pyvips

from pipeline import pillow, vips
from pipeline.errors import DamagedImage
from pipeline.header import check_total_pixels, damaged, open_lazily
from pipeline.limits import Limits
from pipeline.passthrough.gif import is_cut_short
from pipeline.source import SourceInfo

LONG_SIDE = 128
"""Of the small picture, at least, where the source has so many: twice of what is made from it."""


def decode_strictly(data: bytes, info: SourceInfo, limits: Limits) -> vips.Image:
    """This will decode every page, raising `DamagedImage` where one does not decode, and return the first one small.

    It is as stored: not yet upright, in its own colours. The pixels stream through the shrinking, so that a picture
    of 100 megapixels does not have to fit into memory.
    """
    if info.format in pillow.FORMATS:
        return _shrunken(pillow.load(data, info.format), info)
    if info.format == "gif" and is_cut_short(data):
        raise DamagedImage("Expected a whole gif file, received one that ends in the middle of a frame.")
    pages = [open_lazily(data, info.format, **options) for options in _pages(info)]
    if info.format == "tiff":
        check_total_pixels([(page.width, page.height) for page in pages], info, limits)
    small = [_shrunken(page, info) for page in pages]  # all of them: a damaged page may be the last
    return small[0]


def _pages(info: SourceInfo) -> list[dict[str, Any]]:
    """Of an animation all frames lie in one strip, and the first is decoded once more: libvips reads a stream once."""
    if info.format == "tiff":
        return [{"page": page} for page in range(info.pages)]
    return [{}, {"n": -1}] if info.is_animated else [{}]


def _shrunken(page: vips.Image, info: SourceInfo) -> vips.Image:
    """Averages of squares: every pixel counts, and it takes 0.6 of the time that a plain sum over the picture takes.

    `ceil` keeps the rows and columns that fill no square, without which a file cut short there would pass for whole.
    """
    factor = max(1, max(page.width, page.height) // LONG_SIDE)
    try:
        if not page.hasalpha():
            return page.shrink(factor, factor, ceil=True).copy_memory()
        # Colours count by their alpha, or hidden ones would show; premultiply makes floats.
        small = page.premultiply().shrink(factor, factor, ceil=True).copy_memory()
        return small.unpremultiply().cast(page.format)
    except pyvips.Error as error:
        raise damaged(info.format, error) from error
