"""The gate's table: what changed, before → after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from imgopt.cli.text import byte_text, counted, shown
from imgopt.gate.comparison import Change
from imgopt.gate.figures import Figures

STYLES = {"worse": "red", "changed": "yellow", "new": "cyan", "missing": "cyan"}


def draw(changes: list[Change], console: Console) -> None:
    """This will draw a row for everything that is not the same."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("picture", overflow="fold")
    table.add_column("asked", no_wrap=True)
    for name in ("bytes", "%", "SSIM", "worst tile", "ΔE00", "chroma", "quality"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for change in changes:
        if change.state != "same":
            table.add_row(shown(change.name), change.row, *_cells(change), _verdict(change))
    if table.row_count:
        console.print(table, soft_wrap=True)
        console.print()


def summary(changes: list[Change]) -> str:
    """This will tell how many of each kind there are, and what both have weighs together."""
    states = Counter(change.state for change in changes)
    parts = [counted(len(changes), "rendition")]
    parts += [f"{states[state]} {state}" for state in ("same", "changed", "worse", "new", "missing") if states[state]]
    both = [(change.before.bytes, change.after.bytes) for change in changes if change.before and change.after]
    before, after = (sum(each) for each in zip(*both, strict=True)) if both else (0, 0)
    if before and after:
        parts.append(f"{byte_text(before)} → {byte_text(after)} ({100 * (after - before) / before:+.2f} %)")
    return " · ".join(parts)


def _cells(change: Change) -> list[str]:
    grown = change.grown_percent
    return [
        _pair(change, lambda figures: byte_text(figures.bytes) if figures.bytes else None),
        "" if grown is None else f"{grown:+.2f}",
        _pair(change, lambda figures: _number(figures.ssim, 4)),
        _pair(change, lambda figures: _number(figures.worst_tile, 3)),
        _pair(change, lambda figures: _number(figures.delta_e_p99, 2)),
        _pair(change, lambda figures: _number(figures.chroma_delta_e, 2)),
        _pair(change, _quality),
    ]


def _verdict(change: Change) -> Text:
    figures = change.after or change.before
    failed = f": {figures.error}" if figures is not None and figures.error and not change.reasons else ""
    because = f": {', '.join(change.reasons)}" if change.reasons else failed
    return Text(f"{change.state}{because}", style=STYLES.get(change.state, ""))


def _pair(change: Change, write: Callable[[Figures], str | None]) -> str:
    texts = [write(each) or "–" for each in (change.before, change.after) if each is not None]
    return texts[0] if len(set(texts)) == 1 else " → ".join(texts)


def _number(value: float | None, digits: int) -> str | None:
    return None if value is None else f"{value:.{digits}f}"


def _quality(figures: Figures) -> str | None:
    if not figures.bytes:
        return None
    return "lossless" if figures.quality is None else f"{figures.quality}{' 4:4:4' * (figures.chroma == '4:4:4')}"
