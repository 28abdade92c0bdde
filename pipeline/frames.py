"""One frame from bytes into memory: decoded, scaled, in 8-bit sRGB or grey, not yet turned."""

from __future__ import annotations

from pipeline import vips
from pipeline.colour import in_own_colours, to_srgb
from pipeline.decode import in_memory, open_frame
from pipeline.geometry import Plan
from pipeline.source import SourceInfo
from pipeline.steps import scale


def still(data: bytes, info: SourceInfo, work: Plan) -> vips.Image:
    """This will read the plan's page, or the first."""
    return still_of(open_frame(data, info, work), info, work)


def still_of(opened: vips.Image, info: SourceInfo, work: Plan) -> vips.Image:
    """This will do the same with what `decode.open_frame` gave."""
    return _without_opaque_alpha(prepared(opened, info, work))


def prepared(image: vips.Image, info: SourceInfo, work: Plan) -> vips.Image:
    managed = in_own_colours if work.spec.keep_profile else to_srgb
    return in_memory(managed(scale(image, work), info), info.format)


def _without_opaque_alpha(image: vips.Image) -> vips.Image:
    """This will drop an alpha channel that hides nothing; every encoder writes less without it."""
    if image.hasalpha() and image[image.bands - 1].min() == 255:
        return image[0 : image.bands - 1].copy_memory()
    return image
