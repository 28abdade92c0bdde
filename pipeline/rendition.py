"""Encoded bytes with what is known of them, in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.spec import Format

CONTENT_TYPES: dict[str, str] = {
    "avif": "image/avif",
    "webp": "image/webp",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendition:
    """A finished picture."""

    body: bytes
    format: Format
    width: int
    height: int
    """Of one frame, in pixels."""
    pages: int = 1
    passthrough: bool = False
    """Whether these are the source's own bytes, metadata removed."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Wall-clock time by phase: `decode`, `steps`, `encode`."""

    @property
    def content_type(self) -> str:
        return CONTENT_TYPES[self.format]
