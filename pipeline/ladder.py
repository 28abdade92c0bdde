"""The ladder: the few widths we render, and the step that turns what was asked into what is made.

Layouts ask for hundreds of widths that differ by a few pixels. Snapped up to a rung they share one variant, which is
at most a third wider than was asked for (below 48 px, a half).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace

from pipeline.geometry import round_half_up
from pipeline.idle import without_idle_options
from pipeline.lengths import refuse_too_long, times, with_dpr
from pipeline.spec import TransformSpec
from pipeline.values import MAX_SIDE

DEFAULT_LADDER: tuple[int, ...] = (
    32, 48, 64, 80, 96, 128, 160, 192, 240, 320, 400, 480, 560, 640, 720, 800, 960, 1080, 1200,
    1280, 1440, 1600, 1920, 2240, 2560, 3200, 3840,
)  # fmt: skip


def snap(width: int, ladder: Sequence[int]) -> int:
    """This will give the lowest rung that is at least `width`, above the top rung the top rung.

    >>> snap(500, (320, 640)), snap(640, (320, 640)), snap(5000, (320, 640)), snap(500, ())
    (640, 640, 640, 500)
    """
    return ladder[min(bisect_left(ladder, width), len(ladder) - 1)] if ladder else width


def resolve(spec: TransformSpec, ladder: Sequence[int]) -> TransformSpec:
    """This will fold `dpr` and the ladder into the sizes, so that specs which mean the same become equal.

    The result has dpr 1, snap True and no option that cannot show. An empty ladder leaves the sizes exact, as jobs
    and the command line want it.

    >>> resolve(TransformSpec(width=300, height=150, dpr=2), (320, 640))
    ... # doctest: +ELLIPSIS
    TransformSpec(page=None, width=640, height=320, fit='clip', ...

    Raises BadParameter when `dpr` or the ladder makes a length longer than may be asked for.
    """
    spec = without_idle_options(spec)  # what is idle may be as long as it likes
    width, height, ratio = _times(spec.width, spec.dpr), _times(spec.height, spec.dpr), spec.aspect_ratio
    if ratio and height and not width:
        width = round_half_up(height * ratio[0], ratio[1])
    if width and height:
        ratio = None
    if width and spec.snap:
        width, height = _snapped(width, height, ladder)
    if ratio and width:
        height, ratio = round_half_up(width * ratio[1], ratio[0]), None
    for name, length in (("w", width), ("h", height)):
        refuse_too_long(name, length or 0, MAX_SIDE)
    sized = replace(with_dpr(spec), width=width, height=height, aspect_ratio=ratio, dpr=1.0, snap=True)
    return without_idle_options(sized)


def _times(length: int | None, dpr: float) -> int | None:
    return length and times(length, dpr)


def _snapped(width: int, height: int | None, ladder: Sequence[int]) -> tuple[int, int | None]:
    """The width on its rung, the height scaled alike. A strip keeps its size when the rung would make it too high."""
    rung = snap(width, ladder)
    if height is None:
        return rung, None
    scaled = round_half_up(height * rung, width)
    return (rung, scaled) if scaled <= MAX_SIDE else (width, height)
