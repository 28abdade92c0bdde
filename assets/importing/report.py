"""What came of each picture, as it is told and as it is remembered."""

from __future__ import annotations

import csv
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import IO, Literal

from assets.importing.sources import Item
from pipeline.errors import BadParameter

Result = Literal["imported", "present", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    path: str
    result: Result
    code: str = ""
    reason: str = ""
    reference: str = ""
    byte_size: int = 0


class Tally:
    """Counts outcomes, and writes them down; used by all workers."""

    def __init__(self, report: ReportFile | None, memory: Memory | None) -> None:
        self.results: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.byte_size = 0
        self._report, self._memory = report, memory
        self._lock = threading.Lock()

    def add(self, item: Item, outcome: Outcome) -> None:
        with self._lock:
            self.results[outcome.result] += 1
            if outcome.result == "refused":
                self.reasons[outcome.code] += 1
            if outcome.result == "imported":
                self.byte_size += outcome.byte_size
            if self._report is not None:
                self._report.write(outcome)
            if self._memory is not None and outcome.result in ("imported", "present"):
                self._memory.note(item)


class ReportFile:
    """A CSV file with a head, or a JSON file with one list, written as the import goes."""

    def __init__(self, stream: IO[str], kind: str) -> None:
        self._stream, self._kind, self._rows = stream, kind, 0
        self._table = csv.DictWriter(stream, [entry.name for entry in fields(Outcome)])
        if kind == ".csv":
            self._table.writeheader()

    def write(self, outcome: Outcome) -> None:
        row = asdict(outcome)
        if self._kind == ".csv":
            self._table.writerow({**row, "path": _no_formula(outcome.path)})
        else:
            self._stream.write(("[\n" if self._rows == 0 else ",\n") + json.dumps(row))
        self._rows += 1

    def end(self) -> None:
        if self._kind == ".json":
            self._stream.write("[]\n" if self._rows == 0 else "\n]\n")


@contextmanager
def report_file(path: Path | None) -> Iterator[ReportFile | None]:
    """This will open a report, and end it properly also where the import is interrupted."""
    if path is None:
        yield None
        return
    if path.suffix not in (".csv", ".json"):
        raise BadParameter(f"Expected a file name ending in .csv or .json for the report, received {path.name!r}.")
    try:
        stream = path.open("w", newline="", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise BadParameter(f"Expected a report that can be written, received {str(path)!r}.") from error
    with stream:
        report = ReportFile(stream, path.suffix)
        try:
            yield report
        finally:
            report.end()


def _no_formula(path: str) -> str:
    """A spreadsheet would work out a file name that begins so."""
    return f"'{path}" if path.startswith(("=", "+", "-", "@")) else path


class Memory:
    """What an import has done, in a file of the data directory, so that it can go on after an interruption."""

    def __init__(self, stream: IO[str], done: set[str]) -> None:
        self._stream = stream
        self.done = done

    def note(self, item: Item) -> None:
        self._stream.write(f"{item.identity}\n")


@contextmanager
def memory_in(path: Path | None, *, resume: bool) -> Iterator[Memory | None]:
    """This will go on with what is remembered, or begin anew; `None` for a run that does nothing."""
    if path is None:
        yield None
        return
    done = set(path.read_text().split()) if resume and path.exists() else set()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a" if resume else "w", buffering=1) as stream:  # a line a picture, whatever happens next
        yield Memory(stream, done)
