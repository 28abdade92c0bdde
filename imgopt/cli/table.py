"""The closing table: what was made, what it saved, and how it measures."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from imgopt.cli.report import FileReport, Result, rows_of, slowest
from imgopt.cli.text import byte_text, counted, saved_text, seconds_text, shown

MOST_LISTED = 24
"""Results that are told one by one; of more there is the table alone."""


def draw(reports: list[FileReport], console: Console, *, seconds: float) -> None:
    listed = [(report, result) for report in reports for result in report.results if result.state == "written"]
    if 0 < len(listed) <= MOST_LISTED:
        console.print(_results(listed))
        console.print()
    if rows := rows_of(reports):
        table = _table("all", "files", "before", "after", "saved", "SSIM", "lowest", "ΔE00", "highest")
        for row in rows:
            table.add_row(
                row.name,
                str(row.files),
                byte_text(row.before),
                byte_text(row.after),
                _saved(row.before, row.after),
                *(_number(value, 4) for value in (row.ssim, row.least_ssim)),
                *(_number(value, 2) for value in (row.delta_e, row.most_delta_e)),
            )
        console.print(table)
    if listed or rows:
        console.print()
    console.print(_summary(reports, seconds), soft_wrap=True)


def draw_plan(reports: list[FileReport], console: Console) -> None:
    """This will tell what a run would do."""
    table = _table("result", "size", "", "of")
    table.columns[-1].justify = "left"
    for report in reports:
        for result in report.results:
            size = f"{result.made['width']} × {result.made['height']}"
            table.add_row(shown(result.path), size, result.state, shown(report.path))
    if table.row_count:
        console.print(table, soft_wrap=True)
    would = sum(result.state == "planned" for report in reports for result in report.results)
    console.print(f"Nothing was written. A run would write {counted(would, 'result')}.", soft_wrap=True)


def _results(listed: list[tuple[FileReport, Result]]) -> Table:
    table = _table("result", "size", "bytes", "saved", "quality", "SSIM", "ΔE00")
    for report, result in listed:
        made, scores = result.made, result.made["scores"] or {}
        table.add_row(
            shown(result.path),
            f"{made['width']} × {made['height']}",
            byte_text(made["bytes"]),
            _saved(report.bytes, made["bytes"]),
            _quality(result),
            _number(scores.get("ssim"), 4),
            _number(scores.get("delta_e_mean"), 2),
        )
    return table


def _quality(result: Result) -> str:
    made = result.made
    if made["passthrough"]:
        return "as it was"
    text = "lossless" if made["quality"] is None else str(made["quality"])
    return f"{text} (below target)" if made["target_met"] is False else text


def _summary(reports: list[FileReport], seconds: float) -> Text:
    states = [report.state for report in reports]
    parts = [counted(len(reports), "file")]
    parts += [f"{states.count(state)} {state}" for state in ("unchanged", "stopped", "failed") if state in states]
    parts.append(
        counted(sum(result.state == "written" for report in reports for result in report.results), "new result")
    )
    parts.append(seconds_text(seconds))
    worst = slowest(reports)
    if worst is not None and len(reports) > 1:
        parts.append(f"slowest {shown(worst.path)} ({seconds_text(worst.seconds)})")
    return Text(" · ".join(parts))


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column(first, overflow="fold")
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _saved(before: int, after: int) -> Text:
    return Text(saved_text(before, after), style="green" if after < before else "yellow")


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
