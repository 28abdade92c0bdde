"""What a render child is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipeline.limits import Limits
from pipeline.spec import Format, TransformSpec

Effort = Literal["quick", "full"]
Chroma = Literal["4:2:0", "4:4:4"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """How a file was written."""

    quality: int | None
    """As the encoder is told; None: lossless."""
    chroma: Chroma = "4:2:0"
    bound: str = ""
    """What decided it, which one encode cannot find out again; see `pipeline.rendition.Rendition`."""
    own_bytes: bool = False
    """Whether the source's own bytes were served instead; nothing is encoded to find that out again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """What other files have taught: qualities and the SSIM they had."""

    points: tuple[tuple[int, float], ...]
    """Of one picture, in rising order of quality."""
    is_own: bool = False
    """Whether they are of the same master, in another width; else of pictures in general."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderRequest:
    """One rendition to make of some bytes; crosses to the child as a pickle."""

    spec: TransformSpec
    """Resolved: dpr 1, width snapped to its rung, the master's focal point filled in."""
    format: Format
    source_formats: frozenset[str] = frozenset()
    """Formats in which the source's own bytes may be served; empty: never."""
    own_colours: bool = False
    """Whether a PNG that would grow in 8-bit sRGB is left as it is, with its profile."""
    mark: str | bytes | None = None
    """The watermark that `spec.mark` names: its bytes, or the path of a file with them."""
    limits: Limits
    effort: Effort = "quick"
    """How long an encoder may take over the same quality: `quick` answers a request, `full` makes a final."""
    predict: bool = False
    """Whether a target is guessed at with one encode, for a draft, rather than searched for."""
    prior: Prior | None = None
    """What is known of the curve beforehand; it speeds the search and decides nothing."""
    decided: Decided | None = None
    """What a search has found before: the file is written so, in one encode."""
    metrics: tuple[str, ...] = ()
    """Further metrics, of `pipeline.quality.metrics`, where the result is measured."""
