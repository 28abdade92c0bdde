"""BMP and ICO, which libvips does not read: opened through Pillow with an explicit list of formats.

The size is read from the bytes by ourselves first, so that Pillow never opens what the limits refuse.
"""

from __future__ import annotations

import io
import struct
from typing import Final

import numpy as np
import pyvips
from PIL import Image, UnidentifiedImageError

from pipeline import vips
from pipeline.errors import DamagedImage
from pipeline.source import SourceInfo

FORMATS: Final = {"bmp": ["BMP"], "ico": ["ICO"]}

_PNG = b"\x89PNG\r\n\x1a\n"


def read_header(data: bytes, source_format: str) -> SourceInfo:
    """This will say what a BMP or ICO file is from its own header fields."""
    try:
        width, height = _bmp_size(data, 14) if source_format == "bmp" else _icon_size(data)
    except (struct.error, IndexError) as error:
        raise _damaged(source_format, "its header is cut short") from error
    if width <= 0 or height <= 0:
        raise _damaged(source_format, f"its header says {width}x{height} pixels")
    return SourceInfo(format=source_format, width=width, height=height, has_alpha=source_format == "ico")


def load(data: bytes, source_format: str) -> vips.Image:
    """This will decode the picture (of an icon: its largest entry) into an sRGB image in memory."""
    expected = read_header(data, source_format)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS[source_format]) as picture:
            picture.load()
            mode = "RGBA" if picture.has_transparency_data or picture.mode == "RGBA" else "RGB"
            pixels = np.asarray(picture.convert(mode))
    except (
        UnidentifiedImageError,
        OSError,
        ValueError,
        SyntaxError,
        struct.error,
        Image.DecompressionBombError,
    ) as error:
        raise _damaged(source_format, str(error) or type(error).__name__) from error
    height, width, bands = pixels.shape
    if (width, height) != (expected.width, expected.height):
        raise _damaged(source_format, f"it holds {width}x{height} pixels and its header says otherwise")
    image = pyvips.Image.new_from_memory(pixels.tobytes(), width, height, bands, "uchar")
    return image.copy(interpretation="srgb")


def _bmp_size(data: bytes, at: int) -> tuple[int, int]:
    header_size = struct.unpack_from("<I", data, at)[0]
    if header_size == 12:
        width, height = struct.unpack_from("<HH", data, at + 4)
        return width, height
    width, height = struct.unpack_from("<ii", data, at + 4)
    return width, abs(height)


def _icon_size(data: bytes) -> tuple[int, int]:
    """This will return the size of the entry that Pillow shows: the largest, then the deepest."""
    count = struct.unpack_from("<H", data, 4)[0]
    sizes = [_entry_size(data, 6 + 16 * index) for index in range(min(count, 256))]
    return max(sizes, key=lambda size: size[0] * size[1])


def _entry_size(data: bytes, at: int) -> tuple[int, int]:
    offset = struct.unpack_from("<I", data, at + 12)[0]
    if data[offset : offset + 8] == _PNG:
        width, height = struct.unpack_from(">II", data, offset + 16)
        return width, height
    width, height = _bmp_size(data, offset)
    return width, height // 2  # a mask of the same size lies below the picture


def _damaged(source_format: str, what: str) -> DamagedImage:
    return DamagedImage(f"Expected a whole {source_format} file, received one that does not decode: {what}.")
