"""What came of each picture, and the totals of all, for the table and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any, Final, Literal

from pipeline.errors import ImgoptError
from pipeline.rendition import Rendition

State = Literal["written", "unchanged", "planned", "stopped", "failed"]
WORST_FIRST: Final[tuple[State, ...]] = ("failed", "stopped", "planned", "written", "unchanged")


@dataclass(slots=True, kw_only=True)
class Result:
    """One file that was made, or would be."""

    path: Path
    format: str
    row: str
    """What it is counted with in the table: its format, and its width where widths are asked for."""
    state: State
    made: Mapping[str, Any] = field(default_factory=dict)
    """Its figures (`figures_of`); of a planned one only its size in pixels."""
    error: ImgoptError | None = None


@dataclass(slots=True, kw_only=True)
class FileReport:
    """One picture of the line, with its results."""

    path: Path
    bytes: int = 0
    results: list[Result] = field(default_factory=list)
    error: ImgoptError | None = None
    seconds: float = 0.0
    """Wall-clock time of this run, 0 where nothing was to be done."""

    @property
    def state(self) -> State:
        states = {result.state for result in self.results} if self.error is None else {"failed"}
        return next((state for state in WORST_FIRST if state in states), "unchanged")

    @property
    def errors(self) -> list[ImgoptError]:
        """What went wrong, each sentence once."""
        all_errors = [self.error, *(result.error for result in self.results)]
        return list({error.message: error for error in all_errors if error is not None}.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The results of one format and width, together."""

    name: str
    files: int
    before: int
    after: int
    ssim: float | None
    least_ssim: float | None
    delta_e: float | None
    most_delta_e: float | None


def figures_of(rendition: Rendition) -> dict[str, Any]:
    """This will give what is known of a result, in plain values for the journal and the report."""
    return {
        "format": rendition.format,
        "width": rendition.width,
        "height": rendition.height,
        "pages": rendition.pages,
        "bytes": len(rendition.body),
        "quality": rendition.quality,
        "chroma": rendition.chroma,
        "passthrough": rendition.passthrough,
        "target": None if rendition.target is None else rendition.target.ssim,
        "target_met": rendition.target_met,
        "bound": rendition.bound,
        "trial_encodes": rendition.trial_encodes,
        "scores": None if rendition.scores is None else rendition.scores.as_dict(),
        "unmeasured": rendition.unmeasured,
        "seconds": {name: round(value, 4) for name, value in rendition.seconds.items()},
    }


def rows_of(reports: Iterable[FileReport]) -> list[Row]:
    """This will add up the results that exist, in the order in which their rows first come."""
    grouped: dict[str, list[tuple[int, Mapping[str, Any]]]] = {}
    for report in reports:
        for result in report.results:
            if result.state in ("written", "unchanged"):
                grouped.setdefault(result.row, []).append((report.bytes, result.made))
    return [_row(name, members) for name, members in grouped.items()]


def _row(name: str, members: list[tuple[int, Mapping[str, Any]]]) -> Row:
    scores = [made["scores"] for _, made in members if made.get("scores")]
    similar = [score["ssim"] for score in scores]
    colours = [score["delta_e_mean"] for score in scores]
    return Row(
        name=name,
        files=len(members),
        before=sum(before for before, _ in members),
        after=sum(made["bytes"] for _, made in members),
        ssim=fmean(similar) if similar else None,
        least_ssim=min(similar, default=None),
        delta_e=fmean(colours) if colours else None,
        most_delta_e=max(colours, default=None),
    )


def slowest(reports: Iterable[FileReport]) -> FileReport | None:
    worked = [report for report in reports if report.seconds > 0]
    return max(worked, key=lambda report: report.seconds, default=None)


def as_json(
    reports: list[FileReport], *, seconds: float, dry_run: bool, passed_over: Mapping[str, int]
) -> dict[str, Any]:
    """This will give the whole report in plain values."""
    worst = slowest(reports)
    return {
        "dry_run": dry_run,
        "seconds": round(seconds, 3),
        "files": [_file(report) for report in reports],
        "passed_over": dict(passed_over),
        "totals": {
            "files": len(reports),
            "states": {state: count for state in WORST_FIRST if (count := sum(r.state == state for r in reports))},
            "bytes_before": sum(report.bytes for report in reports),
            "bytes_after": sum(row.after for row in rows_of(reports)),
            "rows": [
                {
                    "row": row.name,
                    "results": row.files,
                    "bytes_before": row.before,
                    "bytes_after": row.after,
                    "bytes_saved": row.before - row.after,
                    "ssim": _rounded(row.ssim),
                    "least_ssim": _rounded(row.least_ssim),
                    "delta_e": _rounded(row.delta_e),
                    "most_delta_e": _rounded(row.most_delta_e),
                }
                for row in rows_of(reports)
            ],
            "slowest": None if worst is None else {"path": str(worst.path), "seconds": round(worst.seconds, 3)},
        },
    }


def _file(report: FileReport) -> dict[str, Any]:
    return {
        "path": str(report.path),
        "state": report.state,
        "bytes": report.bytes,
        "seconds": round(report.seconds, 3),
        "error": _error(report.error),
        "results": [
            {
                "path": str(result.path),
                "state": result.state,
                "error": _error(result.error),
                "format": result.format,
                **result.made,
                **({"bytes_saved": report.bytes - result.made["bytes"]} if "bytes" in result.made else {}),
            }
            for result in report.results
        ],
    }


def _error(error: ImgoptError | None) -> dict[str, str] | None:
    return None if error is None else {"code": error.code, "message": error.message}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
