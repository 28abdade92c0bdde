"""A run of `imgopt optimise`, from its pictures to its report."""

from __future__ import annotations

import json
import time

from imgopt.cli import progress, table
from imgopt.cli.crew import Crew
from imgopt.cli.errors import FAILED, INTERRUPTED, OK
from imgopt.cli.inputs import Found, Input
from imgopt.cli.line import Line
from imgopt.cli.making import Maker
from imgopt.cli.planning import Job, Looked, Planner
from imgopt.cli.report import FileReport, as_json
from imgopt.cli.terminal import complain, output, say
from imgopt.cli.text import shown
from pipeline.errors import ImgoptError


class Session:
    def __init__(self, line: Line, found: Found, planner: Planner, maker: Maker, crew: Crew) -> None:
        self._line, self._found, self._planner, self._maker, self._crew = line, found, planner, maker, crew
        self._started = time.monotonic()
        self._reports: list[FileReport] = []
        self._told: set[tuple[int, str]] = set()

    def run(self) -> int:
        """This will do the work, tell of it, and give the exit status."""
        for path, error in self._found.failures:
            self._report(FileReport(path=path, error=error))
        try:
            jobs = self._planned(self._looked())
            if not self._line.dry_run:
                self._make([job for job in jobs if job.tasks])
            ended = True
        except KeyboardInterrupt:
            self._maker.stop()
            ended = False
        self._crew.stop()
        self._tell()
        if not ended:
            complain("Stopped before the end. The same line goes on from here.")
            return INTERRUPTED
        return FAILED if any(report.state == "failed" for report in self._reports) else OK

    def _looked(self) -> dict[Input, Looked | ImgoptError]:
        inputs = self._found.inputs
        looked: dict[Input, Looked | ImgoptError] = {}

        def look(one: Input) -> Input:
            looked[one] = self._maker.look(one)
            return one

        for _ in progress.shown(self._crew.each(inputs, look), "Looking", of=inputs):
            pass
        return looked

    def _planned(self, looked: dict[Input, Looked | ImgoptError]) -> list[Job]:
        """This will plan in the order of the line, whichever was looked at first: names hang on it."""
        jobs = []
        for one in self._found.inputs:
            seen = looked[one]
            if isinstance(seen, ImgoptError):
                self._report(FileReport(path=one.path, error=seen))
            else:
                jobs.append(self._planner.plan(seen))
                self._report(jobs[-1].report)
        return jobs

    def _make(self, jobs: list[Job]) -> None:
        for job in jobs:
            for task in job.tasks:
                task.result.state = "stopped"  # until it is done
        done = self._crew.each(jobs, self._maker.make)
        for job in progress.shown(done, "Optimising", of=jobs, weight=_weight):
            self._complain(job.report)

    def _report(self, report: FileReport) -> None:
        self._reports.append(report)
        self._complain(report)

    def _complain(self, report: FileReport) -> None:
        """This will tell of failures as they come, each once."""
        for error in report.errors:
            if (id(report), error.message) not in self._told:
                self._told.add((id(report), error.message))
                complain(f"{shown(report.path)}: {error.message}")

    def _tell(self) -> None:
        seconds = time.monotonic() - self._started
        passed_over = self._found.passed_over
        if self._line.as_json:
            report = as_json(self._reports, seconds=seconds, dry_run=self._line.dry_run, passed_over=passed_over)
            say(json.dumps(report, indent=2))
            return
        if passed_over:
            kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(passed_over.items()))
            complain(f"Passed over, since imgopt does not read them: {kinds}.")
        if not self._reports:
            complain("There is no picture to optimise.")
        elif self._line.dry_run:
            table.draw_plan(self._reports, output())
        else:
            table.draw(self._reports, output(), seconds=seconds)


def _weight(job: Job) -> float:
    """What a picture takes is about its pixels, and those of its results."""
    info = job.looked.info
    sizes = [(task.result.made["width"], task.result.made["height"]) for task in job.tasks]
    return float(sum(width * height for width, height in [(info.width, info.height), *sizes]))
