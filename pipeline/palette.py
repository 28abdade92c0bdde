"""PNG with a palette of exactly the colours that a picture has."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_MAX_COLOURS: Final = 256
_SAMPLE: Final = 2048
"""Pixels that are looked at first: a photo has too many colours in those already."""


def exact_palette_png(pixels: NDArray[np.uint8]) -> bytes | None:
    """This will write a picture of at most 256 colours losslessly; None: it has more.

    `pixels` is height × width (× 1 to 4 bands): grey, grey and alpha, RGB or RGBA. libimagequant is not asked: it
    rounds colours even where there is room for all.
    """
    bands = pixels.shape[2] if pixels.ndim == 3 else 1
    flat = np.ascontiguousarray(pixels).reshape(-1, bands)
    codes = _codes(flat)
    if len(np.unique(codes[:: max(1, len(codes) // _SAMPLE)])) > _MAX_COLOURS:
        return None
    colours, indexes = np.unique(codes, return_inverse=True)
    if len(colours) > _MAX_COLOURS:
        return None
    palette = colours.view(np.uint8).reshape(-1, 4)
    picture = Image.fromarray(indexes.reshape(pixels.shape[:2]).astype(np.uint8), "P")
    picture.putpalette(palette[:, :3].tobytes())
    transparency = {} if (palette[:, 3] == 255).all() else {"transparency": palette[:, 3].tobytes()}
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True, bits=_bits(len(colours)), **transparency)
    return out.getvalue()


def _codes(flat: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """This will make one number of each pixel: red, green, blue and alpha as four bytes."""
    count, bands = flat.shape
    rgba = np.full((count, 4), 255, np.uint8)
    rgba[:, :3] = flat[:, :3] if bands >= 3 else flat[:, :1]
    if bands in (2, 4):
        rgba[:, 3] = flat[:, -1]
    return rgba.view(np.uint32).reshape(-1)


def _bits(colours: int) -> int:
    return next(bits for bits in (1, 2, 4, 8) if colours <= 2**bits)
