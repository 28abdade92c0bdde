"""How long writing a picture takes: numbers only, known before a pixel is decoded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from pipeline.request import Effort
from pipeline.spec import Format

ENCODE_SECONDS: Final[Mapping[tuple[Format, Effort], float]] = {
    ("avif", "quick"): 0.06,
    ("avif", "full"): 0.70,
    ("webp", "quick"): 0.12,
    ("webp", "full"): 0.25,
    ("jpeg", "quick"): 0.02,
    ("jpeg", "full"): 0.10,
    ("png", "quick"): 1.3,
    ("png", "full"): 1.3,
    ("gif", "quick"): 0.5,
    ("gif", "full"): 0.5,
}
"""Of one core for each megapixel, mean of eight photographs at 800 px, on a machine like DESIGN.md's. PNG's is a
palette's, which is what a target tries; a lossless one takes 0.1."""
FULL_MEGAPIXELS: Final[Mapping[Format, float]] = {"avif": 2.5, "webp": 6.0, "png": 4.0}
"""Above that, full effort is quick: eight trials of more would not end within a render's time limit of 20 s."""
PALETTE_MEGAPIXELS: Final = 1.0
"""Above that no palette is searched for, for the same reason, and a PNG stays lossless."""
COMPARE_SECONDS: Final = 0.07
"""To decode what was written and take its SSIM; the figures of colour, asked of what meets that, make up the rest."""
OPTIMISE_SECONDS: Final = 2.0
"""What oxipng takes in the end for a full PNG."""
USUAL_TRIALS: Final = 4
"""Of a search without a prior, in the median; 3 with one."""


def taken_effort(output_format: Format, effort: Effort, megapixels: float) -> Effort:
    """This will give the effort that a picture of that size is really written with.

    >>> taken_effort("avif", "full", 1.0), taken_effort("avif", "full", 12.0), taken_effort("jpeg", "full", 12.0)
    ('full', 'quick', 'full')
    """
    return "quick" if megapixels > FULL_MEGAPIXELS.get(output_format, math.inf) else effort


def estimated_seconds(
    output_format: Format, effort: Effort, megapixels: float, *, trials: int = USUAL_TRIALS, measured: bool = True
) -> float:
    """This will estimate what it takes to write a picture so many times, comparing each file with it if `measured`.

    Decoding the master and the steps are not in it.

    >>> round(estimated_seconds("avif", "full", 0.43), 1), round(estimated_seconds("jpeg", "quick", 0.43), 1)
    (1.3, 0.2)
    """
    effort = taken_effort(output_format, effort, megapixels)
    each = ENCODE_SECONDS[output_format, effort] + (COMPARE_SECONDS if measured else 0)
    last = OPTIMISE_SECONDS if (output_format, effort) == ("png", "full") else 0
    return megapixels * (each * trials + last)
