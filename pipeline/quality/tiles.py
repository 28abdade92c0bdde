"""Means over tiles of 64 px: where a picture is worst."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

TILE: Final = 64
Sums = NDArray[np.float64]


def tile_starts(length: int) -> NDArray[np.intp]:
    """This will say where tiles begin along one side; a last one of less than half a tile is joined to its neighbour.

    >>> tile_starts(64).tolist(), tile_starts(95).tolist(), tile_starts(96).tolist(), tile_starts(5).tolist()
    ([0], [0], [0, 64], [0])
    """
    count = max(1, (length + TILE // 2) // TILE)
    return np.arange(count, dtype=np.intp) * TILE


class TileMeans:
    """Means over the tiles of a picture of `height` × `width`, from values that come in rows from the top.

    Where the values begin `down` and `across` pixels inside the picture, so do they at its other edges.
    """

    def __init__(self, height: int, width: int, *, down: int = 0, across: int = 0) -> None:
        self._tops = np.maximum(tile_starts(height) - down, 0)
        self._lefts = np.maximum(tile_starts(width) - across, 0)
        self._size = (height - 2 * down, width - 2 * across)
        self._sums: list[Sums] = []

    def add(self, rows: NDArray[np.float32]) -> None:
        self._sums.append(np.add.reduceat(rows, self._lefts, axis=1, dtype=np.float64))

    def means(self) -> Sums:
        height, width = self._size
        sums = np.add.reduceat(np.concatenate(self._sums), self._tops, axis=0)
        counts = np.outer(np.diff(self._tops, append=height), np.diff(self._lefts, append=width))
        means: Sums = sums / counts
        return means

    def total(self) -> float:
        return float(sum(each.sum() for each in self._sums))
