"""What is to be made of each picture, under which names, and what of it is there already."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imgopt.cli import files
from imgopt.cli.errors import NotDone, UsageError
from imgopt.cli.inputs import Input
from imgopt.cli.journal import Journal, Journals
from imgopt.cli.naming import Names
from imgopt.cli.records import Source
from imgopt.cli.report import FileReport, Result
from imgopt.cli.wishes import Wanted, Wishes, size_of
from pipeline.errors import ImgoptError
from pipeline.params import canonical
from pipeline.request import RenderRequest
from pipeline.source import SourceInfo
from pipeline.version import fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A picture whose header was read, or had been by an earlier run that found it as it is."""

    input: Input
    info: SourceInfo
    bytes: int
    mtime_ns: int
    known: Source | None = None
    """What the journal has of it, if it has not changed since."""


@dataclass(slots=True, kw_only=True)
class Task:
    """A result to make."""

    request: RenderRequest
    asked: str
    result: Result


@dataclass(slots=True, kw_only=True)
class Job:
    """A picture with what is to be made of it."""

    looked: Looked
    report: FileReport
    journal: Journal | None
    """None: the result has a name of the line's own, and is made whenever it is asked for."""
    tasks: list[Task] = field(default_factory=list)


class Planner:
    def __init__(
        self, wishes: Wishes, *, names: Names, journals: Journals, out_file: Path | None, overwrite: bool
    ) -> None:
        self._wishes, self._names, self._journals = wishes, names, journals
        self._out_file, self._overwrite = out_file, overwrite

    def plan(self, looked: Looked) -> Job:
        """This will plan a picture; it is asked in the order of the line, for names hang on it."""
        journal = None if self._out_file else self._journals.of(self._names.folder(looked.input))
        job = Job(looked=looked, report=FileReport(path=looked.input.path, bytes=looked.bytes), journal=journal)
        try:
            for wanted in self._wishes.of(looked.info):
                self._add(job, wanted)
        except ImgoptError as error:
            job.report.error = error
        return job

    def _add(self, job: Job, wanted: Wanted) -> None:
        request, one = wanted.request, job.looked.input
        result = Result(
            path=self._out_file or Path(),
            format=request.format,
            row=wanted.row,
            state="planned",
            made=dict(zip(("width", "height"), size_of(request, job.looked.info), strict=True)),
        )
        job.report.results.append(result)
        asked = asked_text(request)
        try:
            result.path = self._out_file or self._names.give(one, wanted.suffix, request.format)
            if job.journal is not None:
                made = _made_before(job.journal, result.path.name, job.looked.known, asked)
                if made is not None and not self._overwrite:
                    result.state, result.made = "unchanged", made
                    return
                self._refuse_foreign(job.journal, result.path)
        except ImgoptError as error:
            result.state, result.error = "failed", error
            return
        job.tasks.append(Task(request=request, asked=asked, result=result))

    def _refuse_foreign(self, journal: Journal, path: Path) -> None:
        if os.path.lexists(path) and not journal.is_ours(path.name) and not self._overwrite:
            raise NotDone(f"{path.name!r} is there already, and imgopt did not make it: --overwrite replaces it.")


def refuse_input(out_file: Path, names: Names, inputs: list[Input]) -> None:
    """This will raise where the output that a line names is one of its pictures, under whatever name."""
    taken = {place for one in inputs for place in files.places(one.path)}
    if taken & files.places(out_file) or names.is_input(out_file):
        raise UsageError(f"Expected another file for the output than the input, received {str(out_file)!r} for both.")


def asked_text(request: RenderRequest) -> str:
    """This will give all that shapes a result besides its picture, as one text."""
    spec, limits = request.spec, request.limits
    return " ".join(
        [
            canonical(spec),
            f"metadata={int(spec.keep_metadata)}",
            f"limits={limits.max_output_side},{limits.max_output_megapixels:g}",
            fingerprint(),
        ]
    )


def _made_before(journal: Journal, name: str, source: Source | None, asked: str) -> Mapping[str, Any] | None:
    """This will give the figures of a result that is there, of the same picture and asked for alike."""
    record = journal.find(name)
    if record is None or source is None or record.asked != asked or record.source.sha256 != source.sha256:
        return None
    return record.made if journal.is_whole(record) else None
