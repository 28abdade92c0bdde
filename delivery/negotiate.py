"""Which formats a client takes, from its `Accept` header (RFC 9110, 12.5.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from pipeline.spec import Format

# Best first among equals. GIF stands last: it is for animations whose client takes nothing better.
PREFERENCE: tuple[Format, ...] = ("avif", "webp", "jpeg", "png", "gif")
# Every browser shows these three; old ones say only */*. AVIF and WebP must be named by the client.
WILDCARD_FORMATS = frozenset({"jpeg", "png", "gif"})
TYPES: dict[str, Format] = {
    "image/avif": "avif",
    "image/webp": "webp",
    "image/jpeg": "jpeg",
    "image/png": "png",
    "image/gif": "gif",
}
MOVING: frozenset[Format] = frozenset({"webp", "gif"})
TRANSPARENT: frozenset[Format] = frozenset({"avif", "webp", "png"})
OPAQUE: frozenset[Format] = frozenset({"avif", "webp", "jpeg"})
WEIGHT = re.compile(r"(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.ASCII)
MAX_HEADER_LENGTH = 2048


def accepted_formats(header: str) -> tuple[Format, ...]:
    """This will rank the formats the client takes, best first; q=0 means no.

    >>> accepted_formats("image/avif;q=0.5,image/webp,*/*;q=0.1")
    ('webp', 'avif', 'jpeg', 'png', 'gif')
    >>> accepted_formats("image/webp;q=0, */*")
    ('jpeg', 'png', 'gif')
    """
    if len(header) > MAX_HEADER_LENGTH:
        header = header[:MAX_HEADER_LENGTH].rpartition(",")[0]  # half a media range may lack its q=0
    return _ranked(header)


@lru_cache(maxsize=512)
def _ranked(header: str) -> tuple[Format, ...]:
    named: dict[str, float] = {}
    for part in header.lower().split(","):
        media_type, *parameters = (piece.strip() for piece in part.split(";"))
        weight = next((text[2:].strip() for text in parameters if text.startswith("q=")), "1")
        if WEIGHT.fullmatch(weight):
            named[media_type] = float(weight)
    wildcard = named.get("image/*", named.get("*/*", 0.0 if named.keys() & TYPES.keys() else 1.0))
    weights = {
        kind: named.get(media_type, wildcard if kind in WILDCARD_FORMATS else 0.0) for media_type, kind in TYPES.items()
    }
    ranked = sorted((kind for kind in PREFERENCE if weights[kind] > 0), key=lambda kind: -weights[kind])
    return tuple(ranked) or ("jpeg", "png", "gif")


def rivals(*, has_alpha: bool) -> tuple[Format, ...]:
    """This will give the formats that a still is compared in, best first among equals."""
    lossy = TRANSPARENT if has_alpha else OPAQUE
    return tuple(kind for kind in PREFERENCE if kind in lossy)


def smallest(accepted: tuple[Format, ...], byte_sizes: Mapping[Format, int]) -> Format | None:
    """This will pick the accepted format of fewest bytes, whatever its weight: all show the same. None: none of them.

    >>> smallest(("avif", "webp", "jpeg"), {"avif": 900, "webp": 700, "jpeg": 700})
    'webp'
    """
    known = [kind for kind in PREFERENCE if kind in accepted and kind in byte_sizes]
    return min(known, key=lambda kind: byte_sizes[kind], default=None)


def choose(accepted: tuple[Format, ...], *, has_alpha: bool, animated: bool) -> Format:
    """This will pick the format of a negotiated variant.

    Transparency rules JPEG out and movement everything but WebP and GIF, unless nothing else is accepted. Still
    opaque pictures are never sent as PNG or GIF to a client that takes something smaller.
    """
    fitting = MOVING if animated else TRANSPARENT if has_alpha else OPAQUE
    return next((kind for kind in accepted if kind in fitting), accepted[0])
