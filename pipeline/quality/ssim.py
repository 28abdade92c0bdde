"""Structural similarity after Wang, Bovik, Sheikh, Simoncelli: "Image quality assessment: from error visibility to
structural similarity", IEEE Transactions on Image Processing 13 (4), 2004.

On the luma of ITU-R BT.601 of gamma-coded sRGB, unrounded, at full resolution; Gaussian window of 11 × 11 with a
standard deviation of 1.5; K1 = 0.01, K2 = 0.03, L = 255; mean over all places where the whole window lies on the
picture. A side shorter than the window is continued by its mirror image (d c b a | a b c d | d c b a) and then has a
value at every pixel.

The window is separable, and both its passes are products with a small band matrix: BLAS does the multiplications of
zeros as well, and is still four times faster than adding eleven shifted arrays. It works in strips, so that a strip's
arrays stay in the processor's second cache and 40 megapixels need no more memory than one does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from pipeline.quality.pixels import Pixels
from pipeline.quality.tiles import TileMeans

Floats = NDArray[np.float32]

WINDOW: Final = 11
_REACH: Final = WINDOW // 2
_SIGMA: Final = 1.5
_C1: Final = np.float32((0.01 * 255) ** 2)
_C2: Final = np.float32((0.03 * 255) ** 2)
_LUMA: Final = np.array([0.299, 0.587, 0.114], np.float32)
_MIDDLE: Final = np.float32(128)
"""Taken off before squaring: variances are differences of squares, and 32-bit floats have seven digits."""

_STRIP: Final = 64
_ACROSS_COLUMNS: Final = 32
_DOWN_COLUMNS: Final = 48
"""Columns of one product, by pass. OpenBLAS gives products of more than 262,144 multiplications to threads, which wait
for each other: on a busy machine five times as long as the work takes."""


def _band(outputs: int) -> Floats:
    """The matrix that takes `outputs` + 10 neighbours to `outputs` weighted means."""
    offsets = np.arange(-_REACH, _REACH + 1)
    weights = np.exp(-(offsets**2) / (2 * _SIGMA**2))
    band = np.zeros((outputs, outputs + WINDOW - 1))
    for row in range(outputs):
        band[row, row : row + WINDOW] = weights / weights.sum()
    return band.astype(np.float32)


_DOWN: Final = _band(_STRIP)
_ACROSS: Final = np.ascontiguousarray(_band(_ACROSS_COLUMNS).T)


@dataclass(frozen=True, slots=True)
class _Own:
    """What is known of the reference in the rows of one strip."""

    luma: Floats
    """Rows + 10 × padded width, centred on 0."""
    mean: Floats
    """In blocks, as `_Bench.blurred` gives them: of the luma, 0..255."""
    variance: Floats
    """The same, plus C2."""


class SsimReference:
    """A reference's luma; with `keep`, its statistics are worked out once: 14 bytes a pixel, and half the time."""

    def __init__(self, pixels: Pixels, *, keep: bool) -> None:
        height, width = int(pixels.shape[0]), int(pixels.shape[1])
        self._pixels = pixels
        self.margins = (_margin(height), _margin(width))
        """How far inside the picture the values begin: rows and columns."""
        self._rows, self._columns = height - 2 * self.margins[0], width - 2 * self.margins[1]
        self._tops = range(0, self._rows, _STRIP)
        self._kept: list[_Own] = []
        if keep:
            bench = self._bench()
            self._kept = [self._own(bench, top) for top in self._tops]

    def mean(self, result: Pixels) -> float:
        last = self._columns % _ACROSS_COLUMNS or _ACROSS_COLUMNS
        total = 0.0
        for blocks in self._blocks(result):
            total += float(blocks[:-1].sum()) + float(blocks[-1, :, :last].sum())
        return total / self._values()

    def mean_and_worst_tile(self, result: Pixels) -> tuple[float, float]:
        down, across = self.margins
        tiles = TileMeans(*self._pixels.shape[:2], down=down, across=across)
        for rows in self.maps(result):
            tiles.add(rows)
        return tiles.total() / self._values(), float(tiles.means().min())

    def maps(self, result: Pixels) -> Iterator[Floats]:
        """This will give the local SSIM in strips of rows, from the top."""
        for blocks in self._blocks(result):
            yield blocks.transpose(1, 0, 2).reshape(blocks.shape[1], -1)[:, : self._columns]

    def _values(self) -> int:
        return self._rows * self._columns

    def _blocks(self, result: Pixels) -> Iterator[Floats]:
        """Each is good until the next is asked for."""
        bench = self._bench()
        for number, top in enumerate(self._tops):
            own = self._kept[number] if self._kept else self._own(bench, top)
            yield bench.compare(own, self._luma(result, top))

    def _bench(self) -> _Bench:
        return _Bench(min(_STRIP, self._rows), self._columns)

    def _own(self, bench: _Bench, top: int) -> _Own:
        luma = self._luma(self._pixels, top)
        mean, square = bench.blurred([luma, luma * luma])
        return _Own(luma, mean + _MIDDLE, square - mean * mean + _C2)

    def _luma(self, pixels: Pixels, top: int) -> Floats:
        """This will give the luma that the values of rows `top` … hang on, zeros to the right up to a whole block."""
        rows = min(_STRIP, self._rows - top) + WINDOW - 1
        down, across = self.margins
        coded = pixels[_mirrored(top + down - _REACH, rows, len(pixels))]
        lines = np.multiply(coded[..., 0], _LUMA[0], dtype=np.float32)
        for band in (1, 2):
            lines += np.multiply(coded[..., band], _LUMA[band], dtype=np.float32)
        lines -= _MIDDLE
        if not across:
            lines = lines[:, _mirrored(-_REACH, self._columns + WINDOW - 1, self._columns)]
        values = np.zeros((rows, _padded(self._columns)), np.float32)
        values[:, : lines.shape[1]] = lines
        return values


class _Bench:
    """Arrays that every strip is worked out in: to make new ones each time takes as long as the work."""

    def __init__(self, rows: int, columns: int) -> None:
        self._blocks = -(-columns // _ACROSS_COLUMNS)
        width = _padded(columns)
        self._planes = np.empty((rows + WINDOW - 1) * 3 * width, np.float32)
        self._down = np.empty(rows * 3 * width, np.float32)
        self._across = np.empty(3 * self._blocks * rows * _ACROSS_COLUMNS, np.float32)
        self._spare = np.empty(self._blocks * rows * _ACROSS_COLUMNS, np.float32)

    def blurred(self, planes: Sequence[Floats]) -> Floats:
        """This will give weighted means of planes of rows + 10 × width, as planes × blocks × rows × 32."""
        count, (lines, width) = len(planes), planes[0].shape
        rows = lines - WINDOW + 1
        stacked, down = _shaped(self._planes, lines, count, width), _shaped(self._down, rows, count, width)
        for number, plane in enumerate(planes):
            stacked[:, number] = plane
        np.matmul(_DOWN[:rows, :lines], _columns(stacked, _DOWN_COLUMNS), out=_columns(down, _DOWN_COLUMNS))
        line, plane_step, step = down.strides
        windows = as_strided(
            down,
            (count, self._blocks, rows, _ACROSS_COLUMNS + WINDOW - 1),
            (plane_step, _ACROSS_COLUMNS * step, line, step),
            writeable=False,
        )
        return np.matmul(windows, _ACROSS, out=_shaped(self._across, count, self._blocks, rows, _ACROSS_COLUMNS))

    def compare(self, own: _Own, luma: Floats) -> Floats:
        """This will give the SSIM of one strip, in blocks; the array is used again for the next."""
        mean, square, product = self.blurred([luma, luma * luma, luma * own.luma])
        spare = _shaped(self._spare, *mean.shape)
        np.subtract(own.mean, _MIDDLE, out=spare)
        spare *= mean
        product -= spare  # the covariance
        np.multiply(mean, mean, out=spare)
        square -= spare
        square += own.variance  # both variances and C2
        mean += _MIDDLE
        np.subtract(own.mean, mean, out=spare)
        spare *= spare
        mean *= own.mean
        mean *= 2
        mean += _C1
        spare += mean  # both means squared and C1: (x - y)² + 2xy
        product *= 2
        product += _C2
        product *= mean
        square *= spare
        result: Floats = np.divide(product, square, out=product)
        return result


def _padded(columns: int) -> int:
    """Whole blocks of both passes, and the window's reach."""
    across = -(-columns // _ACROSS_COLUMNS) * _ACROSS_COLUMNS + WINDOW - 1
    return -(-across // _DOWN_COLUMNS) * _DOWN_COLUMNS


def _columns(rows: Floats, count: int) -> Floats:
    """This will show rows × … as blocks of so many columns: blocks × rows × count."""
    return rows.reshape(len(rows), -1, count).transpose(1, 0, 2)


def _shaped(space: Floats, *shape: int) -> Floats:
    return space[: math.prod(shape)].reshape(shape)


def _margin(length: int) -> int:
    return _REACH if length >= WINDOW else 0


def _mirrored(start: int, count: int, length: int) -> slice | NDArray[np.intp]:
    """This will number pixels from `start` on, mirrored at both ends however often it takes.

    >>> _mirrored(-3, 8, 2).tolist()
    [1, 1, 0, 0, 1, 1, 0, 0]
    """
    if start >= 0 and start + count <= length:
        return slice(start, start + count)
    places = np.arange(start, start + count) % (2 * length)
    return np.minimum(places, 2 * length - 1 - places)
