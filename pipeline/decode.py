"""From bytes to pixels, no more of them than the plan needs.

JPEG is decoded at a half, a quarter or an eighth and WebP at any scale where the plan shrinks that much; at least
twice the wanted size is left, so that the last reduction is always done by a good filter.
"""

from __future__ import annotations

import math

import pyvips

from pipeline import pillow, vips
from pipeline.errors import DamagedImage
from pipeline.geometry import Plan
from pipeline.header import check_total_pixels, damaged, open_lazily
from pipeline.limits import Limits
from pipeline.passthrough.gif import is_cut_short
from pipeline.source import SourceInfo
from pipeline.spec import Rect

_JPEG_SHRINKS = (8, 4, 2)
_LEFT_FOR_THE_FILTER = 2.0


def open_frame(data: bytes, info: SourceInfo, plan: Plan) -> vips.Image:
    """This will open the first frame, cut to the plan's area and shrunk as far as loading can shrink it."""
    return open_cut(data, info, plan.area, shrink=_shrink_on_load(info, plan))


def open_cut(data: bytes, info: SourceInfo, area: Rect | None, *, shrink: int = 1) -> vips.Image:
    """This will open an area of the first frame (None: all of it), in pixels as stored."""
    if info.format in pillow.FORMATS:
        image = pillow.load(data, info.format)
    elif shrink == 1:
        image = open_lazily(data, info.format)
    elif info.format == "jpeg":
        image = open_lazily(data, "jpeg", shrink=shrink)
    else:
        image = open_lazily(data, "webp", scale=1 / shrink)
    return image if area is None else _cut(image, area, info)


def in_memory(image: vips.Image, source_format: str) -> vips.Image:
    """This will decode and compute all pixels now, so that a damaged file is found here and is named."""
    try:
        return image.copy_memory()
    except pyvips.Error as error:
        raise damaged(source_format, error) from error


def decode_strictly(data: bytes, info: SourceInfo, limits: Limits) -> None:
    """This will decode every page and keep none, raising `DamagedImage` where one does not decode.

    The pixels stream through a sum, so that a picture of 100 megapixels does not have to fit into memory.
    """
    if info.format in pillow.FORMATS:
        pillow.load(data, info.format)
        return
    if info.format == "gif" and is_cut_short(data):
        raise DamagedImage("Expected a whole gif file, received one that ends in the middle of a frame.")
    if info.format == "tiff":
        pages = [open_lazily(data, "tiff", page=page) for page in range(info.pages)]
        check_total_pixels([(page.width, page.height) for page in pages], info, limits)
    else:
        pages = [open_lazily(data, info.format, **({"n": -1} if info.is_animated else {}))]
    for page in pages:
        try:
            page.avg()
        except pyvips.Error as error:
            raise damaged(info.format, error) from error


def _shrink_on_load(info: SourceInfo, plan: Plan) -> int:
    if info.format not in ("jpeg", "webp"):
        return 1
    across, down = plan.stored_width / plan.stored_scaled_width, plan.stored_height / plan.stored_scaled_height
    spare = min(across, down) / _LEFT_FOR_THE_FILTER
    if info.format == "webp":
        return max(1, math.floor(spare))
    return next((shrink for shrink in _JPEG_SHRINKS if spare >= shrink), 1)


def _cut(image: vips.Image, area: Rect, info: SourceInfo) -> vips.Image:
    """This will cut the area out of a picture that may have been shrunk while loading, to the nearest pixel."""
    stored_width, stored_height = info.stored_size
    across, down = image.width / stored_width, image.height / stored_height
    left = min(round(area.left * across), image.width - 1)
    top = min(round(area.top * down), image.height - 1)
    width = max(1, min(round(area.width * across), image.width - left))
    height = max(1, min(round(area.height * down), image.height - top))
    return image.crop(left, top, width, height)
