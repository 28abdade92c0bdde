"""Curved things as clouds of coloured points, nearest on top, drawn twice as large and halved for smooth edges."""

from __future__ import annotations

import numpy as np

from imgopt.demo.noise import Field


def splat(x: Field, y: Field, depth: Field, rgb: Field, *, height: int, width: int) -> Field:
    """This will give points at `x`, `y` (pixels) as a premultiplied (height, width, 4) sprite; low `depth` is near."""
    column, row = (x * 2).astype(np.int32), (y * 2).astype(np.int32)
    inside = (column >= 0) & (column < width * 2) & (row >= 0) & (row < height * 2)
    place = row * (width * 2) + column
    if not inside.all():
        place, depth, rgb = place[inside], depth[inside], rgb[inside]
    span = max(float(np.ptp(depth)), 1e-6)
    rank = ((depth - depth.min()) * np.float32(65535 / span)).astype(np.uint64)
    # The nearest point of each pixel, in one pass: its depth in the upper bits, its index in the lower ones.
    nearest = np.full(height * width * 4, np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(nearest, place, (rank << np.uint64(32)) | np.arange(len(place), dtype=np.uint64))
    hit = np.flatnonzero(nearest != np.iinfo(np.uint64).max)
    points = np.zeros((height * width * 4, 4), np.float32)
    points[hit, :3] = rgb[(nearest[hit] & np.uint64(0xFFFFFFFF)).astype(np.int64)]
    points[hit, 3] = 1
    canvas = points.reshape(height * 2, width * 2, 4)
    _close(canvas)
    return halve(canvas)


def _close(canvas: Field) -> None:
    """This will fill pin-holes between points from both neighbours, in place: cheaper than more points."""
    for axis in (1, 0, 1):
        view = canvas if axis == 0 else canvas.swapaxes(0, 1)
        hole = (view[1:-1, :, 3] == 0) & (view[:-2, :, 3] > 0) & (view[2:, :, 3] > 0)
        row, column = np.nonzero(hole)
        view[row + 1, column] = (view[row, column] + view[row + 2, column]) / 2


def refine(grid: Field, times: int) -> Field:
    """This will put `times` - 1 points between each two of a (rows, columns, bands) grid, linearly."""
    for axis in (0, 1):
        size = grid.shape[axis]
        at = np.linspace(0, size - 1, (size - 1) * times + 1, dtype=np.float32)
        first = np.minimum(at.astype(np.int32), size - 2)
        share = (at - first).astype(np.float32).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        low = np.take(grid, first, axis)
        grid = low + (np.take(grid, first + 1, axis) - low) * share
    return grid


def enlarge(layer: Field, times: int) -> Field:
    """This will enlarge linearly, one axis after the other."""
    for axis in (0, 1):
        size = layer.shape[axis]
        at = np.clip((np.arange(size * times, dtype=np.float32) + 0.5) / times - 0.5, 0, size - 1.001)
        first = at.astype(np.int32)
        share = (at - first).astype(np.float32).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        low = np.take(layer, first, axis)
        layer = low + (np.take(layer, first + 1, axis) - low) * share
    return layer


def halve(sprite: Field) -> Field:
    """This will shrink a sprite to half its size (odd edges are dropped)."""
    even = sprite[: sprite.shape[0] // 2 * 2, : sprite.shape[1] // 2 * 2]
    rows = even[::2] + even[1::2]
    return (rows[:, ::2] + rows[:, 1::2]) * np.float32(0.25)


def over(canvas: Field, sprite: Field, *, top: int, left: int) -> None:
    """This will lay a premultiplied sprite on a canvas of 3 or 4 bands, in place, cut at the edges."""
    y0, x0 = max(top, 0), max(left, 0)
    y1, x1 = min(top + sprite.shape[0], canvas.shape[0]), min(left + sprite.shape[1], canvas.shape[1])
    if y1 <= y0 or x1 <= x0:
        return
    part = sprite[y0 - top : y1 - top, x0 - left : x1 - left]
    target = canvas[y0:y1, x0:x1]
    target *= 1 - part[..., 3:]
    target += part[..., : canvas.shape[2]]
