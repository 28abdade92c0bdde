"""How far colours are off: CIEDE2000 over a picture, in strips."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.quality.ciede2000 import Values, ciede2000
from pipeline.quality.lab import lab
from pipeline.quality.pixels import Pixels
from pipeline.quality.tiles import TileMeans

_PIXELS: Final = 16_384
"""Worked out at once: the formula's arrays then stay in the processor's second cache."""
_STEPS: Final = 256
"""Of the histogram from which percentiles are read, in one ΔE00: they are exact to 0.002."""
_MOST: Final = 160
"""No two colours of sRGB are as far apart."""


@dataclass(frozen=True, slots=True)
class ColourDifference:
    mean: float
    p95: float
    p99: float
    worst_chroma_tile: float


def colour_difference(reference: Pixels, result: Pixels) -> ColourDifference:
    height, width = reference.shape[:2]
    tiles = TileMeans(height, width)
    histogram = np.zeros(_MOST * _STEPS, np.int64)
    total = 0.0
    for whole, coloured in differences(reference, result):
        total += float(whole.sum(dtype=np.float64))
        places = np.minimum(whole * _STEPS, _MOST * _STEPS - 1).astype(np.int32)
        histogram += np.bincount(places.ravel(), minlength=_MOST * _STEPS)
        tiles.add(coloured)
    return ColourDifference(
        mean=total / (height * width),
        p95=_percentile(histogram, 0.95),
        p99=_percentile(histogram, 0.99),
        worst_chroma_tile=float(tiles.means().max()),
    )


def differences(reference: Pixels, result: Pixels) -> Iterator[tuple[Values, Values]]:
    """This will give ΔE00 and its coloured part in rows, from the top."""
    height, width = reference.shape[:2]
    step = max(1, _PIXELS // width)
    for top in range(0, height, step):
        first, second = (lab(picture[top : top + step].reshape(-1, 3)) for picture in (reference, result))
        whole, coloured = ciede2000(first, second)
        yield whole.reshape(-1, width), coloured.reshape(-1, width)


def _percentile(histogram: NDArray[np.int64], share: float) -> float:
    """This will give the value that `share` of all are at or below; between two values in proportion, as numpy does."""
    upto = np.cumsum(histogram)
    rank = share * float(upto[-1] - 1)
    below, above = np.searchsorted(upto, [math.floor(rank) + 1, math.ceil(rank) + 1])
    step = float(below + (above - below) * (rank % 1))
    return (step + 0.5) / _STEPS if step else 0.0  # the middle of the step; of equal pictures 0
