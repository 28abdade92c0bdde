"""The ladder of the service, and which of its rungs a page offers to the browser."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache

DEFAULT_LADDER: tuple[int, ...] = (
    32, 48, 64, 80, 96, 128, 160, 192, 240, 320, 400, 480, 560, 640, 720, 800, 960, 1080, 1200,
    1280, 1440, 1600, 1920, 2240, 2560, 3200, 3840,
)  # fmt: skip

SMALLEST, LARGEST = 320, 2560
"""Below, files are so small that nothing is saved; above, they cost a megabyte and no eye sees it."""


def snap(width: int, ladder: Sequence[int]) -> int:
    """This will give the lowest rung that is at least `width`, above the top rung the top rung.

    >>> snap(500, (320, 640)), snap(5000, (320, 640)), snap(500, ())
    (640, 640, 500)
    """
    return ladder[min(bisect_left(ladder, width), len(ladder) - 1)] if ladder else width


@lru_cache(maxsize=64)
def default_widths(ladder: tuple[int, ...]) -> tuple[int, ...]:
    """This will pick rungs that lie at least a third apart, so that each has about twice the pixels of the last.

    All 17 rungs in that range would make a picture's markup five kilobytes longer (a signature does not compress),
    and save at most a fifth of a file's bytes.

    >>> default_widths(DEFAULT_LADDER)
    (320, 480, 640, 960, 1280, 1920, 2560)
    """
    usual = ladder or DEFAULT_LADDER
    picked: list[int] = []
    for rung in [rung for rung in usual if SMALLEST <= rung <= LARGEST] or usual:
        if not picked or 3 * rung >= 4 * picked[-1]:
            picked.append(rung)
    return tuple(picked)
