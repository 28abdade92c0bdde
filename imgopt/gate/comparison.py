"""What became of a corpus since it was recorded, and whether that is still within the tolerances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from imgopt.gate.baseline import Baseline, Entry
from imgopt.gate.figures import Figures

State = Literal["same", "changed", "worse", "new", "missing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerances:
    bytes_percent: float = 2.0
    """By so much a file may grow."""
    ssim: float = 0.002
    """By so much its SSIM may fall."""
    worst_tile: float = 0.02
    """By so much that of its worst tile may: a tile is a small sample, and a step of the quality moves it further."""
    delta_e: float = 0.3
    """By so much ΔE00, the 99th percentile and the worst tile's chroma, may rise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One rendition, before and after; `missing` has no after, `new` no before."""

    name: str
    digest: str
    row: str
    before: Figures | None
    after: Figures | None
    reasons: tuple[str, ...] = ()
    """Which tolerances it is past."""

    @property
    def state(self) -> State:
        if self.before is None:
            return "new"
        if self.after is None:
            return "missing"
        if self.reasons:
            return "worse"
        return "same" if self.before == self.after else "changed"

    @property
    def grown_percent(self) -> float | None:
        if self.before is None or self.after is None or not self.before.bytes or not self.after.bytes:
            return None
        return 100 * (self.after.bytes - self.before.bytes) / self.before.bytes

    def as_dict(self) -> dict[str, Any]:
        grown = self.grown_percent
        return {
            "picture": self.name,
            "digest": self.digest,
            "row": self.row,
            "state": self.state,
            "reasons": list(self.reasons),
            "grown_percent": None if grown is None else round(grown, 2),
            "before": None if self.before is None else self.before.as_dict(),
            "after": None if self.after is None else self.after.as_dict(),
        }


def compared(before: Baseline, after: Baseline, tolerances: Tolerances) -> list[Change]:
    """This will compare what both have, and tell what only one has.

    Rows of the baseline that were not asked for this time (another format, width or quality) are left alone; a picture
    of the baseline that is not in the corpus any more is missing.
    """
    asked = {row for entry in after.pictures.values() for row in entry.renders}
    changes = [
        _change(digest, row, before.pictures.get(digest), entry, tolerances)
        for digest, entry in after.pictures.items()
        for row in entry.renders
    ]
    changes += list(_missing(before.pictures, after.pictures, asked))
    return sorted(changes, key=lambda change: (change.name, change.row))


def _missing(before: Mapping[str, Entry], after: Mapping[str, Entry], asked: set[str]) -> Iterator[Change]:
    for digest, entry in before.items():
        if digest not in after:
            for row, figures in entry.renders.items():
                if row in asked:
                    yield Change(name=entry.name, digest=digest, row=row, before=figures, after=None)


def _change(digest: str, row: str, known: Entry | None, entry: Entry, tolerances: Tolerances) -> Change:
    before, after = known.renders.get(row) if known else None, entry.renders[row]
    reasons = () if before is None else tuple(_reasons(before, after, tolerances))
    return Change(name=entry.name, digest=digest, row=row, before=before, after=after, reasons=reasons)


def _reasons(before: Figures, after: Figures, most: Tolerances) -> Iterator[str]:
    if after.error and not before.error:
        yield f"fails now: {after.error}"
    if after.error or before.error:
        return
    if after.bytes > before.bytes * (1 + most.bytes_percent / 100):
        yield "bytes"
    if _fell(before.ssim, after.ssim, most.ssim):
        yield "SSIM"
    if _fell(before.worst_tile, after.worst_tile, most.worst_tile):
        yield "worst tile"
    if _fell(after.delta_e_p99, before.delta_e_p99, most.delta_e):
        yield "ΔE00"
    if _fell(after.chroma_delta_e, before.chroma_delta_e, most.delta_e):
        yield "chroma ΔE00"
    if before.target_met and after.target_met is False:
        yield "target missed"
    if before.ssim is not None and after.ssim is None:
        yield "not measured"


def _fell(high: float | None, low: float | None, by: float) -> bool:
    return high is not None and low is not None and high - low > by
