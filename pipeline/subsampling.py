"""What a picture would lose by 4:2:0 alone, before any encoder has seen it.

Formats keep colour at half the width and height of light unless they are told otherwise. On photographs nobody sees
that; red letters on blue bleed into their ground, at any quality. So the loss is made and measured on the pixels
themselves: YCbCr after ITU-R BT.601 at full range, colour averaged over 2 × 2 pixels and spread again by a triangle
filter, as the decoders of JPEG, WebP and AVIF do it, and then the chroma ΔE of the worst tile of 64 px.

The tile's root mean square is taken, not its mean as in receipts: a bleeding edge is a few pixels that are far off, and
grass many that are a little. By the mean, letters 28 px high in red on white (2.0) lie among photographs (0.5 to 3.6).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.quality.colour_difference import differences
from pipeline.quality.pixels import WHITE, Picture, Pixels, as_array, on_ground
from pipeline.quality.tiles import tile_starts

Floats = NDArray[np.float32]

BLEEDS: Final = 3.75
"""From this loss on, colours are kept as finely as light. Of 22 photographs at 480 and 800 px, 17 stay below, at 1.3 to
3.5; above lie tulips (6.2), painted walls and huts (4.3 to 5.5), orange flight suit and flag (4.3) and a launch by
night (8.0), and red letters 14 to 28 px high on white (3.9 to 5.3) and on blue (9.9). It costs 4 to 16 % more bytes at
equal SSIM in AVIF and 20 to 45 % in JPEG, so not more pictures than need it should have it."""

_SUSPECTS: Final = 12
"""ΔE00 is worked out in that many tiles: those in which Cb and Cr lose most. In all of them it would take 25 ms more at
800 px."""
_COLOUR: Final = np.array([[-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32).T
"""Red, green and blue to Cb and Cr, BT.601."""
_BACK: Final = np.array([[0.0, -0.344136, 1.772], [1.402, -0.714136, 0.0]], np.float32)


def bleeds(picture: Picture) -> bool:
    """This will tell whether edges between saturated colours would be seen to bleed."""
    return colour_lost(picture) >= BLEEDS


def colour_lost(picture: Picture) -> float:
    """This will give the chroma ΔE that halving the colours' resolution costs the worst tile, root mean square.

    The picture is 8-bit sRGB; what hides in its alpha is shown on white. A grey one loses nothing.
    """
    array = as_array(picture)
    if array.shape[2] < 3 or min(array.shape[:2]) < 2:
        return 0.0
    pixels = on_ground(array, WHITE)[: array.shape[0] // 2 * 2, : array.shape[1] // 2 * 2]
    rows, columns = (_sides(length) for length in pixels.shape[:2])
    means, lost = _halved(pixels, rows, columns)
    worst = np.argsort(lost, axis=None)[::-1][:_SUSPECTS]
    places = zip(*np.unravel_index(worst, lost.shape), strict=True)
    return max(_lost_in_tile(pixels, means, rows[row], columns[column]) for row, column in places)


def _sides(length: int) -> list[slice]:
    """This will give the tiles along one side, in blocks of two pixels.

    >>> _sides(128), _sides(140)
    ([slice(0, 32, None), slice(32, 64, None)], [slice(0, 32, None), slice(32, 70, None)])
    """
    starts = [int(start) // 2 for start in tile_starts(length)]
    return [slice(*ends) for ends in zip(starts, [*starts[1:], length // 2], strict=True)]


def _halved(pixels: Pixels, rows: list[slice], columns: list[slice]) -> tuple[Floats, NDArray[np.floating]]:
    """This will give Cb and Cr of each block of 2 × 2, and by tile the mean square of what is lost of them."""
    height, width = pixels.shape[0] // 2, pixels.shape[1] // 2
    means = np.empty((2, height, width), np.float32)
    lost = np.empty((len(rows), len(columns)))
    lefts = [side.start for side in columns]
    for number, side in enumerate(rows):
        strip = pixels[2 * side.start : 2 * side.stop]
        colours = (_COLOUR.T @ strip.reshape(-1, 3).T.astype(np.float32)).reshape(2, -1, 2, 2 * width)
        sums, across = colours[:, :, 0] + colours[:, :, 1], colours[:, :, 0] - colours[:, :, 1]
        left, right = sums[..., 0::2], sums[..., 1::2]
        means[:, side] = (left + right) / 4
        # Four values less their mean: two differences of rows, and one of columns.
        squares = np.square(across, out=across).sum(axis=(0, 1)).reshape(-1, 2).sum(axis=1)
        squares += np.square(left - right).sum(axis=(0, 1)) / 2
        lost[number] = np.add.reduceat(squares, lefts) / (np.diff(lefts, append=width) * (side.stop - side.start))
    return means.transpose(1, 2, 0), lost


def _lost_in_tile(pixels: Pixels, means: Floats, rows: slice, columns: slice) -> float:
    own = pixels[2 * rows.start : 2 * rows.stop, 2 * columns.start : 2 * columns.stop]
    around = means[_with_neighbours(rows, len(means))[:, np.newaxis], _with_neighbours(columns, means.shape[1])]
    spread = _doubled(_doubled(around).transpose(1, 0, 2)).transpose(1, 0, 2)
    before = own.astype(np.float32)
    after = before + (spread - before @ _COLOUR) @ _BACK
    shown = np.clip(np.rint(after), 0, 255).astype(np.uint8)
    coloured = np.concatenate([part for _, part in differences(np.ascontiguousarray(own), shown)])
    return float(np.sqrt(np.square(coloured, dtype=np.float64).mean()))


def _with_neighbours(side: slice, length: int) -> NDArray[np.intp]:
    return np.clip(np.arange(side.start - 1, side.stop + 1), 0, length - 1)


def _doubled(values: Floats) -> Floats:
    """This will spread rows by a triangle filter: each is three parts its own block, one the nearer neighbour's.

    The first and the last are only neighbours.
    """
    own, before, after = values[1:-1], values[:-2], values[2:]
    out = np.empty((2 * len(own), *values.shape[1:]), np.float32)
    out[0::2] = own * 0.75 + before * 0.25
    out[1::2] = own * 0.75 + after * 0.25
    return out
