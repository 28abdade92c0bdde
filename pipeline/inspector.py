"""A picture as it looks with its profile applied, as it looks with its profile ignored, and what lies between."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import pyvips

from pipeline import vips
from pipeline.colour import to_srgb
from pipeline.colour_report import LONG_SIDE, ColourReport, Gamut, Verdict, View
from pipeline.decode import in_memory, open_frame
from pipeline.gamut import gamut_of, share_outside_srgb, swaps_channels
from pipeline.geometry import plan
from pipeline.header import has_field, profile_of
from pipeline.limits import Limits
from pipeline.quality import delta_e_map
from pipeline.quality.colour_difference import colour_difference
from pipeline.quality.pixels import WHITE, Pixels, as_array, on_ground
from pipeline.source import SourceInfo
from pipeline.spec import TransformSpec
from pipeline.steps import scale, turn

WIDE_AREA: Final = 1.05
"""A triangle of primaries this much larger than sRGB's is a wide one; Display P3 has 1.32, ColorMatch RGB 0.99."""
WIDE_SHARE: Final = 0.001
"""So many pixels outside sRGB make a profile of tables a wide one: it has no triangle that could be measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Renders:
    """The first page, upright, at most `LONG_SIDE` px a side."""

    stored: vips.Image
    """In the source's own samples."""
    managed: Pixels
    """In sRGB on white, height × width × 3, as is the next."""
    ignored: Pixels


def report(data: bytes, info: SourceInfo, limits: Limits) -> ColourReport:
    """This will measure how much a picture depends on its profile. Raises `DamagedImage`."""
    renders = _renders(data, info, limits)
    profile = profile_of(renders.stored)
    outside = 0.0 if profile is None or info.is_srgb else share_outside_srgb(renders.stored)
    gamut = gamut_of(profile)
    difference = colour_difference(renders.managed, renders.ignored)
    return ColourReport(
        verdict=_verdict(renders.stored, info, gamut, outside),
        gamut=gamut,
        outside_srgb=outside or 0.0,
        ignored={"mean": difference.mean, "p95": difference.p95, "p99": difference.p99},
    )


def draw(data: bytes, info: SourceInfo, limits: Limits, view: View) -> bytes:
    """This will draw one of the three as a PNG, so that its pixels are those that the figures are of."""
    renders = _renders(data, info, limits)
    if view == "heat":
        pixels = delta_e_map(renders.managed, renders.ignored)
    else:
        pixels = renders.managed if view == "managed" else renders.ignored
    image = pyvips.Image.new_from_array(pixels).copy(interpretation="srgb")
    return bytes(vips.call("pngsave_buffer", image, compression=6, filter="all"))


def _renders(data: bytes, info: SourceInfo, limits: Limits) -> _Renders:
    is_wide = info.width >= info.height
    spec = TransformSpec(width=LONG_SIDE if is_wide else None, height=None if is_wide else LONG_SIDE)
    work = plan(spec, width=info.width, height=info.height, orientation=info.orientation, limits=limits)
    stored = turn(in_memory(scale(open_frame(data, info, work), work), info.format), work)
    managed, ignored = to_srgb(stored, info), to_srgb(stored, replace(info, is_srgb=True))
    return _Renders(stored=stored, managed=_on_white(managed), ignored=_on_white(ignored))


def _on_white(image: vips.Image) -> Pixels:
    return on_ground(as_array(image), WHITE)


def _verdict(stored: vips.Image, info: SourceInfo, gamut: Gamut | None, outside: float | None) -> Verdict:
    profile = profile_of(stored)
    if info.colour_space in ("cmyk", "lab"):
        return "cmyk" if info.colour_space == "cmyk" else "lab"
    if not has_field(stored, "icc-profile-data"):
        return "untagged"
    if profile is None or profile.space != info.colour_space or outside is None:
        return "unusable"
    if info.is_srgb:
        return "srgb"
    if swaps_channels(profile):
        return "swapped"
    is_wide = outside >= WIDE_SHARE if gamut is None else gamut.area >= WIDE_AREA
    return "wide" if is_wide else "other"
