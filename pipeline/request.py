"""What a render child is asked to do."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.limits import Limits
from pipeline.spec import Format, TransformSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderRequest:
    """One rendition to make of some bytes; crosses to the child as a pickle."""

    spec: TransformSpec
    """Resolved: dpr 1, width snapped to its rung, the master's focal point filled in."""
    format: Format
    source_formats: frozenset[str] = frozenset()
    """Formats in which the source's own bytes may be served; empty: never."""
    limits: Limits
