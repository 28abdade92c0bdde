"""What a page shows until the picture is there: a tiny WebP, a BlurHash, and the picture's colours."""

from __future__ import annotations

import base64

import numpy as np
from numpy.typing import NDArray

from pipeline import vips
from pipeline.blurhash import blurhash
from pipeline.colour import to_srgb
from pipeline.source import Placeholder, SourceInfo
from pipeline.swatches import swatches

LONG_SIDE = 64
"""Of the picture that hash and colours are taken from; more pixels would change neither."""
MAX_DATA_URI = 400
_SIZES = ((32, 40), (32, 15), (24, 15), (16, 15), (8, 15))
"""Long side and quality of the tiny picture, taken until the data URI is short enough; most photos take the first."""
_HIDDEN = np.array([[255, 255, 255]], np.uint8)


def make_placeholder(small: vips.Image, info: SourceInfo) -> Placeholder:
    """This will make the placeholder of a picture from what `pipeline.overview.decode_strictly` left of it."""
    picture = to_srgb(_within(small, LONG_SIDE), info).autorot()
    picture = picture if picture.bands >= 3 else picture.colourspace("srgb")
    if picture.hasalpha() and picture[3].min() == 255:
        picture = picture[0:3]
    seen = picture.flatten(background=255) if picture.hasalpha() else picture
    across, down = (4, 3) if seen.width >= seen.height else (3, 4)
    return Placeholder(
        data_uri=_data_uri(picture),
        blurhash=blurhash(seen.numpy(), across, down),
        palette=swatches(_visible(picture.numpy())),
    )


def _within(image: vips.Image, side: int) -> vips.Image:
    """This will shrink a picture to a longest side; one that is smaller stays."""
    factor = side / max(image.width, image.height)
    if factor >= 1:
        return image
    across, down = max(factor, 1 / image.width), max(factor, 1 / image.height)
    if not image.hasalpha():
        return image.resize(across, vscale=down)
    return image.premultiply().resize(across, vscale=down).unpremultiply().cast(image.format)


def _data_uri(picture: vips.Image) -> str:
    uri = ""
    for side, quality in _SIZES:
        body = vips.call("webpsave_buffer", _within(picture, side), keep="none", Q=quality, alpha_q=quality, effort=6)
        uri = f"data:image/webp;base64,{base64.b64encode(body).decode()}"
        if len(uri) <= MAX_DATA_URI:
            break
    return uri


def _visible(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """This will list the colours of the pixels that can be seen; a picture without any counts as white."""
    pixels = pixels.reshape(-1, pixels.shape[2])
    if pixels.shape[1] == 3:
        return pixels
    for least in (128, 1):
        seen: NDArray[np.uint8] = pixels[pixels[:, 3] >= least, :3]
        if len(seen):
            return seen
    return _HIDDEN
