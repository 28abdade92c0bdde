"""Where a picture's border ends."""

from __future__ import annotations

import pyvips

from pipeline import vips
from pipeline.areas import after_trim, start_area, stored_rect
from pipeline.decode import open_cut
from pipeline.header import damaged
from pipeline.source import SourceInfo
from pipeline.spec import Rect, TransformSpec

_INVERSE_ORIENTATION = {6: 8, 8: 6}
"""The other six undo themselves."""


def resolve_trim(data: bytes, info: SourceInfo, spec: TransformSpec) -> TransformSpec:
    """This will decode the asked page in full, find its border, and turn the spec's trim into a rect.

    The border's colour is that of the top left pixel as stored; where that pixel is transparent, transparency is the
    border. A picture of one colour is left as it is. Colour is not managed here: the border is the same in any space.
    """
    if not spec.trim:
        return spec
    area = start_area(spec, width=info.width, height=info.height, orientation=info.orientation)
    image = _to_bytes(open_cut(data, info, area, page=spec.page))
    try:
        left, top, width, height = _border(image, spec.trim)
    except pyvips.Error as error:
        raise damaged(info.format, error) from error
    if not (width and height):
        left, top, width, height = 0, 0, image.width, image.height
    stored = Rect(left=left, top=top, width=width, height=height)
    orientation = _INVERSE_ORIENTATION.get(info.orientation, info.orientation)
    found = stored_rect(stored, image.width, image.height, orientation)
    return after_trim(spec, found, width=info.width, height=info.height)


def _to_bytes(image: vips.Image) -> vips.Image:
    """This will bring deeper samples to 8 bits, so that the tolerance means the same for all; CMYK stays CMYK."""
    return image if image.format == "uchar" else image.colourspace("srgb").cast("uchar")


def _border(image: vips.Image, tolerance: int) -> tuple[int, int, int, int]:
    """This will return left, top, width and height of what is no border."""
    # The stream is read once for its corner and once for the rest, so it has to be in memory.
    image = image.copy_memory()
    corner = image(0, 0)
    background = corner
    if image.hasalpha() and corner[-1] == 0:
        image, background = image[image.bands - 1], [0]
    elif image.hasalpha():
        background = corner[:-1]
        image = image.flatten(background=background)
    # Specks are taken out first by a median of 3 × 3 pixels, which has to fit into the picture.
    line_art = min(image.width, image.height) < 3
    left, top, width, height = image.find_trim(threshold=tolerance, background=background, line_art=line_art)
    return left, top, width, height
