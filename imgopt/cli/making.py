"""One picture after another through the render pool: looked at, rendered, measured, written, recorded."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

from imgopt.cli import files
from imgopt.cli.inputs import Input
from imgopt.cli.journal import Journal, Journals
from imgopt.cli.naming import Names
from imgopt.cli.planning import Job, Looked, Task
from imgopt.cli.records import Record, Source
from imgopt.cli.report import figures_of
from pipeline import child
from pipeline.admission import Weight
from pipeline.errors import Busy, ImgoptError
from pipeline.limits import Limits
from pipeline.pool import RenderPool
from pipeline.rendition import Rendition


class Maker:
    """Does the work that may go wrong; its methods are called by many threads and never raise what a file does."""

    def __init__(self, pool: RenderPool, *, limits: Limits, names: Names, journals: Journals, seconds: float) -> None:
        self._pool, self._limits, self._names, self._journals = pool, limits, names, journals
        self._seconds = seconds
        self._preparing = threading.Lock()
        self._prepared: set[Path] = set()

    def stop(self) -> None:
        """This will end the render processes, whatever they are doing."""
        self._pool.stop()

    def look(self, one: Input) -> Looked | ImgoptError:
        try:
            facts = files.readable(one.path)
            known = self._journals.of(self._names.folder(one)).source(one.path)
            info = known.info if known else self._pool.run(child.header_task, str(one.path), self._limits)
            return Looked(input=one, info=info, bytes=facts.st_size, mtime_ns=facts.st_mtime_ns, known=known)
        except ImgoptError as error:
            return error

    def make(self, job: Job) -> Job:
        """This will make what a job has left to do; what went wrong is in its report."""
        start = time.perf_counter()
        try:
            made = self._pool.render_many(
                str(job.looked.input.path),
                [task.request for task in job.tasks],
                weight=Weight.of(job.looked.info),
                timeout_seconds=self._seconds,
                measure=True,
            )
            self._prepare(job.tasks[0].result.path.parent)
            for task, rendition in zip(job.tasks, made, strict=True):
                _finish(job, task, rendition)
            _record(job)
        except Busy:  # the pool was stopped: by Ctrl-C
            for task in job.tasks:
                task.result.state = "stopped"
        except ImgoptError as error:
            job.report.error = error
        job.report.seconds = time.perf_counter() - start
        return job

    def _prepare(self, folder: Path) -> None:
        with self._preparing:
            if folder not in self._prepared:
                files.make_folder(folder)
                files.sweep(folder)
                self._prepared.add(folder)


def _finish(job: Job, task: Task, rendition: Rendition | ImgoptError) -> None:
    path = task.result.path
    try:
        if isinstance(rendition, ImgoptError):
            raise rendition
        if job.journal is not None:
            job.journal.announce(path.name, job.looked.input.path)
        files.write_whole(path, rendition.body)
        task.result.made, task.result.state = figures_of(rendition), "written"
    except ImgoptError as error:
        task.result.state, task.result.error = "failed", error


def _record(job: Job) -> None:
    source = _source(job.looked, job.journal) if job.journal is not None else None
    if job.journal is None or source is None:
        return
    for task in job.tasks:
        if task.result.state == "written":
            made = dict(task.result.made)
            job.journal.record(Record(name=task.result.path.name, source=source, asked=task.asked, made=made))


def _source(looked: Looked, journal: Journal) -> Source | None:
    """This will describe the picture for the journal; None: it was changed meanwhile, and is read again next time."""
    path = looked.input.path
    source = Source(
        path=journal.relative(path),
        bytes=looked.bytes,
        mtime_ns=looked.mtime_ns,
        sha256=looked.known.sha256 if looked.known else files.digest_of(path),
        info=replace(looked.info, placeholder=None),
    )
    now = files.facts_of(path)
    return source if (now.st_size, now.st_mtime_ns) == (looked.bytes, looked.mtime_ns) else None
