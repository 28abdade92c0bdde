"""What one picture may cost: the bounds that are checked before a pixel is decoded or made.

Limits travel with every render request to the worker processes, so they are plain, picklable values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DEFAULT_MAX_MEGAPIXELS: Mapping[str, float] = {
    "jpeg": 100,
    "png": 100,
    "webp": 100,
    "avif": 40,
    "gif": 50,
    "tiff": 100,
    "bmp": 50,
    "ico": 1,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds on one source and on one rendition.

    >>> Limits().max_output_side
    8192
    >>> Limits(max_output_megapixels=10).max_output_megapixels
    10
    """

    max_megapixels: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_MAX_MEGAPIXELS))
    """By source format, counting the pixels of all pages together."""
    max_pages: int = 200
    max_output_side: int = 8192
    max_output_megapixels: float = 40
