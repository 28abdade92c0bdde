"""Pictures as arrays of height × width × 3 bytes, whatever they came as."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import Unmeasurable

Pixels = NDArray[np.uint8]
Picture = Any
"""A `pyvips.Image` or an array of height × width (× 1 to 4 bands), 8-bit, gamma-coded sRGB."""

WHITE: Final = 255
BLACK: Final = 0


def as_array(picture: Picture) -> Pixels:
    """This will give height × width × bands bytes; bands are grey, grey and alpha, RGB, or RGBA."""
    if isinstance(picture, np.ndarray):
        array = picture
    else:  # `numpy` drops bands where there is one, and of a single grey pixel every dimension
        array = picture.numpy().reshape(picture.height, picture.width, picture.bands)
    if array.ndim == 2:
        array = array[:, :, np.newaxis]
    if array.dtype != np.uint8 or array.ndim != 3 or not 1 <= array.shape[2] <= 4:
        raise ValueError(f"Expected 8-bit pixels in 1 to 4 bands, received {array.dtype} of shape {array.shape}.")
    return array


def hides_anything(array: Pixels) -> bool:
    return array.shape[2] in (2, 4) and bool(array[:, :, -1].min() < 255)


def on_ground(array: Pixels, ground: int) -> Pixels:
    """This will lay a picture over white or black and give it three bands; an opaque one is not copied.

    Each value is rounded to a whole step, as a screen shows it.
    """
    colour = array[:, :, : 1 if array.shape[2] <= 2 else 3]
    if hides_anything(array):
        colour = _blended(colour, array[:, :, -1:], ground)
    return np.broadcast_to(colour, (*colour.shape[:2], 3))


def check_comparable(reference: Pixels, result: Pixels) -> None:
    """This will raise `Unmeasurable` where no figure would mean anything."""
    height, width = reference.shape[:2]
    if result.shape[:2] != (height, width):
        raise Unmeasurable(
            f"Expected two pictures of one size, received {width} × {height} and "
            f"{result.shape[1]} × {result.shape[0]} px."
        )
    if height * width < 2:
        raise Unmeasurable("Expected a picture of more than one pixel: a single one has no structure to compare.")


def _blended(colour: Pixels, alpha: Pixels, ground: int) -> Pixels:
    out = np.empty_like(colour)
    for top in range(0, len(colour), _ROWS):
        rows = slice(top, top + _ROWS)
        weight = alpha[rows].astype(np.uint16)
        # At most 255 · 255 + 127, which 16 bits hold.
        out[rows] = (colour[rows] * weight + (255 - weight) * np.uint16(ground) + np.uint16(127)) // np.uint16(255)
    return out


_ROWS: Final = 64
