"""Tables of the documentation's pages, read as a reader does: by their headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CELL = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, slots=True)
class Row:
    line: int
    cells: tuple[str, ...]


def tables_of(page: Path) -> Iterator[tuple[tuple[str, ...], list[Row]]]:
    """This will give each table's headings and its rows."""
    lines = page.read_text("utf-8").splitlines()
    number = 0
    while number < len(lines):
        if lines[number].startswith("|") and number + 1 < len(lines) and re.match(r"\|[ :-]*-", lines[number + 1]):
            headings = _cells(lines[number])
            rows, number = [], number + 2
            while number < len(lines) and lines[number].startswith("|"):
                rows.append(Row(number + 1, _cells(lines[number])))
                number += 1
            yield headings, rows
        number += 1


def codes_in(cell: str) -> list[str]:
    """This will give what stands between backticks."""
    return re.findall(r"`([^`]+)`", cell)


def _cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in CELL.split(line.strip().strip("|")))
