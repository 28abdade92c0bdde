"""Whether some bytes are a picture that can be rendered, before a master is made of them."""

from __future__ import annotations

from pipeline.limits import Limits
from pipeline.source import SourceInfo


def inspect(data: bytes, limits: Limits) -> SourceInfo:
    """This will say what the bytes are, after decoding every page of them strictly.

    Raises `UnsupportedFormat`, `ImageTooLarge` (from the header, before a pixel is decoded) or `DamagedImage`.
    libvips is loaded by the call, not by importing this module.
    """
    from pipeline.decode import decode_strictly
    from pipeline.header import read_header

    info = read_header(data, limits)
    decode_strictly(data, info, limits)
    return info
