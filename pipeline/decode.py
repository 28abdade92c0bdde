"""From bytes to pixels, no more of them than the plan needs.

JPEG is decoded at a half, a quarter or an eighth and WebP at any scale where the plan shrinks that much; at least
twice the wanted size is left, so that the last reduction is always done by a good filter.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import pyvips

from pipeline import pillow, vips
from pipeline.geometry import Plan
from pipeline.header import damaged, open_lazily
from pipeline.source import SourceInfo
from pipeline.spec import Rect

_JPEG_SHRINKS = (8, 4, 2)
_SHRINKING: Final[dict[str, Callable[[int], dict[str, float]]]] = {
    "jpeg": lambda times: {"shrink": times},
    "webp": lambda times: {"scale": 1 / times},
}
"""The loaders that can shrink, and how they are told."""
_LEFT_FOR_THE_FILTER = 2.0


def open_frame(data: bytes, info: SourceInfo, plan: Plan) -> vips.Image:
    """This will open the plan's page, cut to its area and shrunk as far as loading can shrink it."""
    return open_cut(data, info, plan.area, page=plan.spec.page, shrink=shrink_on_load(info, plan))


def open_cut(
    data: bytes, info: SourceInfo, area: Rect | None, *, page: int | None = None, shrink: int = 1
) -> vips.Image:
    """This will open an area of a page or frame (None: all of the first), in pixels as stored."""
    if info.format in pillow.FORMATS:
        image = pillow.load(data, info.format)
    else:
        options = {"page": page - 1} if page is not None and page > 1 else {}
        image = open_lazily(data, info.format, **options, **_SHRINKING[info.format](shrink) if shrink > 1 else {})
    return image if area is None else _cut(image, area, info)


def in_memory(image: vips.Image, source_format: str) -> vips.Image:
    """This will decode and compute all pixels now, so that a damaged file is found here and is named."""
    try:
        return image.copy_memory()
    except pyvips.Error as error:
        raise damaged(source_format, error) from error


def shrink_on_load(info: SourceInfo, plan: Plan) -> int:
    """This will say by how much the loader shrinks the source for a plan; 1: not at all."""
    if info.format not in _SHRINKING:
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
