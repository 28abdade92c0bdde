"""What was made of what, a line a result, in the folder that has the results: a later run goes on from there.

A result is announced before it is written and recorded after, so that whatever lies in the folder under an announced
name is ours, even if the run was killed between the two. Lines are only ever appended, each in one write; the last one
of a result counts, and a line that is torn or foreign counts for nothing.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Final

from imgopt.cli import files
from imgopt.cli.errors import because
from imgopt.cli.records import Claim, Record, Source, read_line, write_line

FILE_NAME: Final = ".imgopt.jsonl"


class Journal:
    """The records of one folder. `announce` and `record` may be called from many threads and processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = files.real(folder)
        self._path = self._folder / FILE_NAME
        self._lock = threading.Lock()
        self._records: dict[str, Record] = {}
        self._owners: dict[str, str] = {}
        self._sources: dict[str, Source] = {}
        self._begun = False
        for line in self._lines():
            if entry := read_line(line):
                self._keep(entry)

    def is_result(self, name: str) -> bool:
        """Whether a file of this folder is a result, and therefore no picture to make more of.

        Where its picture is gone and the file is another than was written, somebody has put a picture there.
        """
        if self.owner(name) is not None:
            return True
        record = self._records.get(name)
        return record is not None and self.is_whole(record)

    def is_whole(self, record: Record) -> bool:
        """Whether the file is as it was written, by its size."""
        return _byte_size(self._folder / record.name) == int(record.made["bytes"])

    def owner(self, name: str) -> Path | None:
        """This will give the picture that a result was made from; None: it is no result, or its picture is gone."""
        path = self._owners.get(name)
        return self._folder / path if path is not None and (self._folder / path).exists() else None

    def is_ours(self, name: str) -> bool:
        return name in self._owners

    def find(self, name: str) -> Record | None:
        return self._records.get(name)

    def source(self, path: Path) -> Source | None:
        """This will give what is known of a picture, if it has not changed since."""
        known = self._sources.get(self.relative(path))
        return known if known is not None and _is_unchanged(path, known) else None

    def relative(self, path: Path) -> str:
        return os.path.relpath(files.real(path.parent) / path.name, self._folder)

    def announce(self, name: str, path: Path) -> None:
        claim = Claim(name=name, of=self.relative(path))
        if self._owners.get(name) != claim.of:
            self._keep(claim)
            self._append(claim)

    def record(self, record: Record) -> None:
        self._keep(record)
        self._append(record)

    def _keep(self, entry: Record | Claim) -> None:
        if isinstance(entry, Claim):
            self._owners[entry.name] = entry.of
            return
        self._records[entry.name] = entry
        self._owners[entry.name] = entry.source.path
        self._sources[entry.source.path] = entry.source

    def _append(self, entry: Record | Claim) -> None:
        with self._lock:
            # Whatever a killed run has torn ends here.
            data = write_line(entry) if self._begun else b"\n" + write_line(entry)
            self._begun = True
            try:
                descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
                try:
                    os.write(descriptor, data)
                finally:
                    os.close(descriptor)
            except OSError as error:
                raise because("a folder that can be written", error) from error

    def _lines(self) -> list[bytes]:
        try:
            return self._path.read_bytes().splitlines()
        except OSError:
            return []


class Journals:
    """The journals of all folders of a run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_folder: dict[str, Journal] = {}

    def of(self, folder: Path) -> Journal:
        key = os.path.realpath(folder)
        with self._lock:
            if key not in self._by_folder:
                self._by_folder[key] = Journal(folder)
            return self._by_folder[key]


def _byte_size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _is_unchanged(path: Path, known: Source) -> bool:
    """By size and time of change; where only the time differs (a checkout, a copy), by the bytes."""
    try:
        now = path.stat()
    except OSError:
        return False
    if now.st_size != known.bytes:
        return False
    return now.st_mtime_ns == known.mtime_ns or files.digest_of(path) == known.sha256
