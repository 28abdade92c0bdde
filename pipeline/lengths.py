"""The device pixel ratio, folded into every length but those of the box."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pipeline.errors import BadParameter
from pipeline.geometry import round_half_up
from pipeline.parameters.look import MAX_BORDER, MAX_PIXELATE, MAX_RADIUS
from pipeline.parameters.overlay import MAX_TEXT_SIZE
from pipeline.spec import Border, TransformSpec
from pipeline.values import MAX_PAD

_LENGTHS: Final[tuple[tuple[str, str, int], ...]] = (
    ("pad", "pad", MAX_PAD),
    ("px", "pixelate", MAX_PIXELATE),
    ("mark-pad", "mark_pad", MAX_PAD),
    ("txt-size", "text_size", MAX_TEXT_SIZE),
    ("txt-pad", "text_pad", MAX_PAD),
)
"""Parameter, field, and the most that it may be."""


def times(length: int, dpr: float) -> int:
    """This will multiply in hundredths, which `dpr` has, so that no half is lost to a float; nothing stays nothing."""
    return length and round_half_up(length * round(dpr * 100), 100)


def with_dpr(spec: TransformSpec) -> TransformSpec:
    """This will multiply margins, squares, text, border and corners by the spec's `dpr`.

    Raises BadParameter where that makes one longer than may be asked for.
    """
    scaled = {field: _times(name, getattr(spec, field), spec.dpr, most) for name, field, most in _LENGTHS}
    top_left, top_right, bottom_right, bottom_left = (
        _times("corner-radius", radius, spec.dpr, MAX_RADIUS) for radius in spec.corner_radius
    )
    border = spec.border and Border(
        width=_times("border", spec.border.width, spec.dpr, MAX_BORDER), colour=spec.border.colour
    )
    corners = (top_left, top_right, bottom_right, bottom_left)
    return replace(spec, **scaled, border=border, corner_radius=corners)  # type: ignore[arg-type]


def refuse_too_long(name: str, length: int, most: int) -> None:
    if length > most:
        raise BadParameter(f"Expected at most {most} px for {name} after dpr and ar, received {length} px.")


def _times(name: str, length: int, dpr: float, most: int) -> int:
    length = times(length, dpr)
    refuse_too_long(name, length, most)
    return length
