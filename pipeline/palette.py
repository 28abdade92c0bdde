"""PNG with a palette of exactly the colours that a picture has."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline import vips

_MAX_COLOURS: Final = 256
_SAMPLED_SIDE: Final = 45
"""Rows and columns of a sample that is looked at first: a photo has too many colours in those already."""
_STRIP_PIXELS: Final = 1 << 18
"""Pixels worked on at once. Sorted all together, with where each came from, 40 megapixels took 1.6 GB."""


def exact_palette_png(image: vips.Image) -> bytes | None:
    """This will write a picture of at most 256 colours losslessly; None: it has more.

    It may be grey or RGB, with or without alpha, and is read twice, so it should be in memory. libimagequant is not
    asked: it rounds colours even where there is room for all.
    """
    colours = _colours(image)
    if colours is None:
        return None
    indexes = np.empty((image.height, image.width), np.uint8)
    for top, codes in _strips(image):
        indexes[top : top + len(codes)] = np.searchsorted(colours, codes)
    palette = colours.view(np.uint8).reshape(-1, 4)
    picture = Image.fromarray(indexes, "P")
    picture.putpalette(palette[:, :3].tobytes())
    transparency = {} if (palette[:, 3] == 255).all() else {"transparency": palette[:, 3].tobytes()}
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True, bits=_bits(len(colours)), **transparency)
    return out.getvalue()


def _colours(image: vips.Image) -> NDArray[np.uint32] | None:
    """This will collect a picture's colours in rising order; None as soon as there are too many."""
    sample = image.subsample(max(1, image.width // _SAMPLED_SIDE), max(1, image.height // _SAMPLED_SIDE))
    found = np.unique(_codes(sample))
    if len(found) > _MAX_COLOURS:
        return None
    for _, codes in _strips(image):
        found = np.unique(np.concatenate([found, _ends_of_runs(codes.reshape(-1))]))
        if len(found) > _MAX_COLOURS:
            return None
    return found


def _ends_of_runs(codes: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """This will leave out each pixel that is followed by its like: what has few colours has most of them in areas."""
    return np.concatenate([codes[:-1][codes[1:] != codes[:-1]], codes[-1:]])


def _strips(image: vips.Image) -> Iterator[tuple[int, NDArray[np.uint32]]]:
    rows = max(1, _STRIP_PIXELS // image.width)
    for top in range(0, image.height, rows):
        yield top, _codes(image.crop(0, top, image.width, min(rows, image.height - top)))


def _codes(image: vips.Image) -> NDArray[np.uint32]:
    """This will make one number of each pixel: red, green, blue and alpha as four bytes."""
    pixels = image.numpy().reshape(image.height, image.width, image.bands)
    rgba = np.full((image.height, image.width, 4), 255, np.uint8)
    rgba[..., :3] = pixels[..., :3] if image.bands >= 3 else pixels[..., :1]
    if image.bands in (2, 4):
        rgba[..., 3] = pixels[..., -1]
    return rgba.view(np.uint32)[..., 0]


def _bits(colours: int) -> int:
    return next(bits for bits in (1, 2, 4, 8) if colours <= 2**bits)
