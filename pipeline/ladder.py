"""The ladder: the few widths we render, and the step that turns what was asked into what is made.

Layouts ask for hundreds of widths that differ by a few pixels. Snapped up to a rung they share one variant, which is
at most a third wider than was asked for (below 48 px, a half).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace

from pipeline.errors import BadParameter
from pipeline.geometry import round_half_up
from pipeline.spec import TransformSpec
from pipeline.values import MAX_PAD, MAX_SIDE

DEFAULT_LADDER: tuple[int, ...] = (
    32, 48, 64, 80, 96, 128, 160, 192, 240, 320, 400, 480, 560, 640, 720, 800, 960, 1080, 1200,
    1280, 1440, 1600, 1920, 2240, 2560, 3200, 3840,
)  # fmt: skip

CENTRED = ("centre", "focal", "attention", "entropy")
"""Gravities that lay a letterboxed picture in the middle of its canvas."""


def snap(width: int, ladder: Sequence[int]) -> int:
    """This will give the lowest rung that is at least `width`, above the top rung the top rung.

    >>> snap(500, (320, 640)), snap(640, (320, 640)), snap(5000, (320, 640)), snap(500, ())
    (640, 640, 640, 500)
    """
    return ladder[min(bisect_left(ladder, width), len(ladder) - 1)] if ladder else width


def resolve(spec: TransformSpec, ladder: Sequence[int]) -> TransformSpec:
    """This will fold `dpr` and the ladder into the sizes, so that specs which mean the same become equal.

    The result has dpr 1 and snap True. An empty ladder leaves the sizes exact, as jobs and the command line want it.

    >>> resolve(TransformSpec(width=300, height=150, dpr=2), (320, 640))
    ... # doctest: +ELLIPSIS
    TransformSpec(width=640, height=320, fit='clip', ...

    Raises BadParameter when `dpr` or the ladder makes a side or the margin longer than may be asked for.
    """
    width, height, ratio = _times(spec.width, spec.dpr), _times(spec.height, spec.dpr), spec.aspect_ratio
    if ratio and height and not width:
        width = round_half_up(height * ratio[0], ratio[1])
    if width and height:
        ratio = None
    if width and spec.snap:
        width, height = _snapped(width, height, ladder)
    if ratio and width:
        height, ratio = round_half_up(width * ratio[1], ratio[0]), None
    pad = _times(spec.pad, spec.dpr) or 0
    _refuse_too_long(width, height, pad)
    sized = replace(spec, width=width, height=height, aspect_ratio=ratio, pad=pad, dpr=1.0, snap=True)
    return _without_idle_options(sized)


def _times(length: int | None, dpr: float) -> int | None:
    """In hundredths, which `dpr` has, so that no half is lost to a float."""
    return length and round_half_up(length * round(dpr * 100), 100)


def _snapped(width: int, height: int | None, ladder: Sequence[int]) -> tuple[int, int | None]:
    """The width on its rung, the height scaled alike. A strip keeps its size when the rung would make it too high."""
    rung = snap(width, ladder)
    if height is None:
        return rung, None
    scaled = round_half_up(height * rung, width)
    return (rung, scaled) if scaled <= MAX_SIDE else (width, height)


def _refuse_too_long(width: int | None, height: int | None, pad: int) -> None:
    for name, length, longest in (("w", width, MAX_SIDE), ("h", height, MAX_SIDE), ("pad", pad, MAX_PAD)):
        if length and length > longest:
            raise BadParameter(f"Expected at most {longest} px for {name} after dpr and ar, received {length} px.")


def _without_idle_options(spec: TransformSpec) -> TransformSpec:
    """The spec without the options that cannot show: a fit without a box, a gravity where nothing is cut."""
    default = TransformSpec()
    spec = replace(spec, enlarge=spec.enlarge and bool(spec.width or spec.height))
    if not spec.has_box:
        spec = replace(spec, fit=default.fit)
    if spec.fit == "crop":
        return spec
    gravity = spec.gravity if spec.fit == "fill" and spec.gravity not in CENTRED else default.gravity
    return replace(spec, gravity=gravity, focal_x=None, focal_y=None)
