"""How much of each pixel an outline covers, 0 to 255: what makes its edges smooth."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import pyvips
from numpy.typing import NDArray

from pipeline import vips
from pipeline.geometry import Size
from pipeline.outlines import Outline, Radius

_ROWS: Final = 64
"""Rows of a corner worked out at once: a circle of 6,000 px would otherwise need 150 MB beside its result."""


def coverage(outline: Outline, size: Size) -> vips.Image:
    """This will draw the outline, filled, in one band: 255 inside, 0 outside."""
    width, height = size
    box = outline.box
    pixels = np.zeros((height, width), np.uint8)
    filled = pixels[box.top : box.top + box.height, box.left : box.left + box.width]
    filled[:] = 255
    # Each corner is drawn as a top left one, in a view that is mirrored to where it lies.
    views = (filled, filled[:, ::-1], filled[::-1, ::-1], filled[::-1])
    for view, radius in zip(views, outline.radii, strict=True):
        _round_off(view, radius)
    return pyvips.Image.new_from_memory(pixels.tobytes(), width, height, 1, "uchar").copy(interpretation="b-w")


def _round_off(view: NDArray[np.uint8], radius: Radius) -> None:
    """This will replace the corner of the view by a quarter of an ellipse.

    The distance to its edge is f / |∇f| for f = (x/a)² + (y/b)² - 1, exact to a hundredth of a pixel near the edge of
    a circle; within half a pixel of it coverage goes from 0 to 1.
    """
    across, down = radius
    if min(radius) <= 0:
        return
    # A border may leave less of the box than a single large corner would take.
    rows, columns = (min(math.ceil(length), side) for length, side in zip((down, across), view.shape, strict=True))
    x = (across - np.arange(columns, dtype=np.float32) - np.float32(0.5)) / np.float32(across)
    for top in range(0, rows, _ROWS):
        bottom = min(top + _ROWS, rows)
        y = (down - np.arange(top, bottom, dtype=np.float32) - np.float32(0.5)) / np.float32(down)
        y = y[:, np.newaxis]
        gradient = 2 * np.sqrt((x / np.float32(across)) ** 2 + (y / np.float32(down)) ** 2)
        distance = (x * x + y * y - 1) / np.maximum(gradient, np.float32(1e-6))
        view[top:bottom, :columns] = np.clip(127.5 - 255 * distance, 0, 255) + np.float32(0.5)
