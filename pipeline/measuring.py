"""A rendition decoded again, and compared with the pixels that its encoder was given."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from pipeline import icc, quality, vips
from pipeline.colour import to_srgb
from pipeline.encode import storable
from pipeline.errors import Unmeasurable
from pipeline.header import open_lazily, profile_of, read_header
from pipeline.limits import Limits
from pipeline.rendition import Rendition
from pipeline.source import ColourSpace, SourceInfo
from pipeline.spec import Format


def measured(rendition: Rendition, pixels: vips.Image, *, also: tuple[str, ...] = ()) -> Rendition:
    """This will fill in the scores, or say why there are none: of an animation, and of a single pixel.

    `also` names further metrics.
    """
    if rendition.pages > 1:
        return replace(rendition, unmeasured="Animations are not measured.")
    try:
        shown = decoded(rendition.body, rendition.format)
        scores = quality.measure(told(pixels, rendition.format), shown, also=also)
    except Unmeasurable as error:
        return replace(rendition, unmeasured=error.message)
    return replace(rendition, scores=scores)


def told(pixels: vips.Image, output_format: Format) -> vips.Image:
    """This will give the pixels as the format's encoder is told them: without alpha if it has none, in whole steps.

    Those that are left in their own profile are given as a client shows them.
    """
    return _as_shown(storable(pixels, output_format).cast("uchar"))


def decoded(body: bytes, output_format: Format) -> vips.Image:
    """This will decode what was written, as a client does."""
    image = open_lazily(body, output_format)
    return to_srgb(image, read_header(body, Limits()))


def _as_shown(pixels: vips.Image) -> vips.Image:
    profile = profile_of(pixels)
    if profile is None or not profile.space or icc.is_srgb(profile):
        return pixels
    colour_space = cast(ColourSpace, profile.space)
    info = SourceInfo(format="", width=pixels.width, height=pixels.height, colour_space=colour_space, is_srgb=False)
    return to_srgb(pixels, info)
