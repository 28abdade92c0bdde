"""Whether some bytes are a picture that can be rendered, before a master is made of them."""

from __future__ import annotations

from dataclasses import replace

from pipeline.limits import Limits
from pipeline.source import SourceInfo


def inspect(data: bytes, limits: Limits) -> SourceInfo:
    """This will say what the bytes are, after decoding every page of them strictly, with a placeholder for them.

    Raises `UnsupportedFormat`, `ImageTooLarge` (from the header, before a pixel is decoded) or `DamagedImage`.
    libvips is loaded by the call, not by importing this module.
    """
    from pipeline.header import read_header
    from pipeline.overview import decode_strictly
    from pipeline.placeholder import make_placeholder

    info = read_header(data, limits)
    small = decode_strictly(data, info, limits)
    return replace(info, placeholder=make_placeholder(small, info))
