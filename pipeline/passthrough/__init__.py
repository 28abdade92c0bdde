"""The source's own bytes with their metadata removed, without decoding: every pixel stays as it is.

The parsers are total on hostile bytes: on anything they do not know they answer None, and the picture is encoded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from pipeline.passthrough.avif import strip_avif
from pipeline.passthrough.gif import strip_gif
from pipeline.passthrough.jpeg import strip_jpeg
from pipeline.passthrough.png import strip_png
from pipeline.passthrough.webp import strip_webp

STRIPPERS: Final[Mapping[str, Callable[[bytes], bytes | None]]] = {
    "jpeg": strip_jpeg,
    "png": strip_png,
    "webp": strip_webp,
    "gif": strip_gif,
    "avif": strip_avif,
}


def strip(data: bytes, source_format: str) -> bytes | None:
    """This will return the bytes without EXIF, GPS, XMP, profile, comments and thumbnails; None: not possible."""
    stripper = STRIPPERS.get(source_format)
    return stripper(data) if stripper else None
