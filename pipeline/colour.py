"""Any colour into 8-bit sRGB, or into grey coded as sRGB is, at the output size.

Rendering intent: relative colorimetric with black point compensation. Colours that sRGB can show come out as they
were measured, and shadows of print profiles are not crushed; a perceptual table would shift all colours to save the
few that do not fit, and the profiles of cameras and screens (matrices) have none anyway.
"""

from __future__ import annotations

from collections.abc import Callable

import pyvips

from pipeline import icc, vips
from pipeline.header import profile_of
from pipeline.source import SourceInfo

MAX_PROFILE_BYTES = 4_000_000
"""Of a profile that is kept: the largest in circulation, of printing presses, have 2.7 MB."""

_INTENT = "relative"


def to_srgb(image: vips.Image, info: SourceInfo) -> vips.Image:
    """This will return the image with 1 to 4 bands of 8 bits: grey or sRGB, alpha kept.

    A profile that cannot be read, or is of another colour space than the samples, is treated as sRGB.
    """
    return _beside_alpha(image, lambda colour: _managed(colour, info))


def in_own_colours(image: vips.Image, info: SourceInfo) -> vips.Image:
    """This will return the image with 8 bits a sample, in the colours of its own profile; without one, in sRGB."""
    if kept_profile(image, info) is None:
        return to_srgb(image, info)
    if image.format == "uchar":
        return image
    return _beside_alpha(image, lambda colour: _plain(colour, _plain_space(info)))


def kept_profile(image: vips.Image, info: SourceInfo) -> icc.Profile | None:
    """This will return the embedded profile where a file can be left in it: sound, of the samples' space, bounded."""
    profile = profile_of(image)
    if profile is None or profile.space != info.colour_space or len(profile.data) > MAX_PROFILE_BYTES:
        return None
    return profile


def _beside_alpha(image: vips.Image, work: Callable[[vips.Image], vips.Image]) -> vips.Image:
    if not image.hasalpha():
        return work(image)
    colour, alpha = image[0 : image.bands - 1], image[image.bands - 1]
    return work(colour).bandjoin(_to_eight_bits(alpha, image.interpretation))


def _managed(image: vips.Image, info: SourceInfo) -> vips.Image:
    if not info.is_srgb and profile_of(image) is not None:
        try:
            return _through_profile(image, info)
        except pyvips.Error:
            # The tag table is sound and the colour engine still refuses: not worth failing a picture for.
            pass
    return _plain(image, _plain_space(info))


def _plain_space(info: SourceInfo) -> str:
    return "b-w" if info.colour_space == "grey" else "srgb"


def _through_profile(image: vips.Image, info: SourceInfo) -> vips.Image:
    converted = image.icc_transform("srgb", embedded=True, intent=_INTENT, black_point_compensation=True, depth=8)
    # Grey stays grey: all three bands are equal, and one band is a third of the work from here on.
    return converted[1].copy(interpretation="b-w") if info.colour_space == "grey" else converted


def _plain(image: vips.Image, wanted: str) -> vips.Image:
    if image.interpretation == wanted and image.format == "uchar":
        return image
    if image.interpretation == "cmyk":
        return image.icc_transform("srgb", input_profile="cmyk", intent=_INTENT, black_point_compensation=True)
    return image.colourspace(wanted).cast("uchar")


def _to_eight_bits(alpha: vips.Image, interpretation: str) -> vips.Image:
    if alpha.format == "uchar":
        return alpha
    if interpretation in ("rgb16", "grey16"):
        return (alpha.cast("ushort") >> 8).cast("uchar")  # as libvips does with the colours
    return (alpha * 255 if interpretation == "scrgb" else alpha).cast("uchar")
