"""Encoded bytes with what is known of them, in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.quality.scores import Scores
from pipeline.request import Chroma, Effort
from pipeline.spec import Format
from pipeline.targets import Target

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
    quality: int | None = None
    """As the encoder was told; None where there is none: lossless, or the source's own bytes."""
    max_bytes_met: bool | None = None
    """Whether it weighs at most `max_bytes`; None: no such bound was asked for."""
    target: Target | None = None
    """What the file should measure; None: a quality was asked for."""
    target_met: bool | None = None
    """Whether the file, decoded again, does; None: no target, or nothing that could be measured."""
    bound: str = ""
    """What decided the quality: `ssim`, `worst-tile`, `delta-e`, `chroma`, `max-bytes`, or `scale` where the encoder's
    scale ended. Empty: no search."""
    trial_encodes: int = 0
    """How often the encoder was asked in the search for the target, the file that was kept included."""
    curve: tuple[tuple[int, float], ...] = ()
    """The qualities that were tried with the SSIM they had, in rising order."""
    chroma: Chroma | None = None
    """Of AVIF, WebP and JPEG, where it is known."""
    effort: Effort = "quick"
    provisional: bool = False
    """Whether it is a draft, which a final is to replace."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Wall-clock time by phase: `decode`, `steps`, `encode`, `measure`. Of renditions made together, what several share
    is counted with the first."""
    scores: Scores | None = None
    """Against the pixels before encoding, where they were asked for."""
    unmeasured: str = ""
    """Why there are no scores although they were asked for."""

    @property
    def content_type(self) -> str:
        return CONTENT_TYPES[self.format]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a file measures that was written before, or why it cannot be measured."""

    scores: Scores | None = None
    reason: str = ""
    seconds: float = 0.0
    """Of decoding the file and comparing it; not of drawing the pixels once more."""
