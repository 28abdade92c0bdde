"""Steps that change colours, each pixel by itself: adjust, monochrome, duotone."""

from __future__ import annotations

from collections.abc import Sequence

import pyvips

from pipeline import vips
from pipeline.geometry import Plan
from pipeline.steps.alpha import as_rgb, on_colour
from pipeline.tones import LUMA, Shade, between, curve, saturation_matrix, shades_of


def adjust(image: vips.Image, plan: Plan) -> vips.Image:
    """This will change brightness, contrast and gamma by one table, then saturation."""
    spec = plan.spec
    if spec.brightness or spec.contrast or spec.gamma:
        levels = curve(brightness=spec.brightness, contrast=spec.contrast, gamma=spec.gamma)
        image = on_colour(image, lambda colour: colour.maplut(_table([levels])))
    if spec.saturation and image.bands >= 3:
        matrix = saturation_matrix(spec.saturation)
        image = on_colour(image, lambda colour: colour.recomb(matrix).rint().cast("uchar"))
    return image


def monochrome(image: vips.Image, plan: Plan) -> vips.Image:
    colour = plan.spec.monochrome
    if colour is None:
        return image
    return _toned(image, shades_of(colour), colour[3] / 255)


def duotone(image: vips.Image, plan: Plan) -> vips.Image:
    colours = plan.spec.duotone
    if colours is None:
        return image
    return _toned(image, between(*colours), plan.spec.duotone_alpha / 100)


def _toned(image: vips.Image, ramp: Sequence[Shade], strength: float) -> vips.Image:
    """This will give each pixel the ramp's shade for its luma, mixed with the pixel itself by strength."""

    def tone(colour: vips.Image) -> vips.Image:
        luma = colour.recomb([list(LUMA)]).rint().cast("uchar") if colour.bands == 3 else colour
        toned = luma.maplut(_table(list(zip(*ramp, strict=True)))).copy(interpretation="srgb")
        if strength == 1:
            return toned
        return (toned * strength + as_rgb(colour) * (1 - strength)).rint().cast("uchar").copy(interpretation="srgb")

    return on_colour(image, tone)


def _table(bands: Sequence[Sequence[int]]) -> vips.Image:
    """This will make a look-up table of 256 entries, one sequence a band."""
    entries = bytes(value for entry in zip(*bands, strict=True) for value in entry)
    return pyvips.Image.new_from_memory(entries, 256, 1, len(bands), "uchar")
