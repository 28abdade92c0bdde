"""Importing many pictures on the command line."""

from __future__ import annotations

import hashlib
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from assets.importing.crew import each
from assets.importing.report import Outcome, Tally, memory_in, report_file
from assets.importing.run import Import, Wishes, jobs_of
from assets.importing.sources import Source, in_place_source, listed_source, source_of
from assets.names import KEY, validate_tag
from pipeline.errors import ImgoptError

MAX_WORKERS = 32
LINE_EVERY = 100
"""Pictures, where the output is no terminal."""
INTERRUPTED = 130
"""What a shell knows an end by Ctrl-C by."""


class Command(BaseCommand):
    help = "Make masters of the pictures in a folder, a file, a bucket or a list of addresses."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", nargs="?", help="A folder, a file, or s3://bucket/prefix.")
        parser.add_argument("--urls", type=Path, metavar="FILE", help="A text file with one address a line.")
        parser.add_argument("--key-prefix", default="", metavar="TEXT", help="Put before every key, such as shop/.")
        parser.add_argument("--keys", choices=("from-path", "none"), default="from-path")
        parser.add_argument("--tag", action="append", default=[], help="A tag for all of them; may be repeated.")
        parser.add_argument("--in-place", action="store_true", help="Use the bytes where they lie, below an origin.")
        parser.add_argument("--resume", action="store_true", help="Pass over what an earlier run has done.")
        parser.add_argument("--report", type=Path, metavar="FILE", help="A .csv or .json file, with a row a picture.")
        parser.add_argument("--dry-run", action="store_true", help="Look at everything and store nothing.")
        parser.add_argument("--workers", type=int, default=4, metavar="N", help=f"Threads, 1 to {MAX_WORKERS}.")

    def handle(self, *_args: Any, **options: Any) -> None:
        start = time.monotonic()
        try:
            source, wishes = _source(options), _wishes(options)
            kept = None if options["dry_run"] else _memory_path(source, wishes)
            with report_file(options["report"]) as report, memory_in(kept, resume=options["resume"]) as memory:
                tally = Tally(report, memory)
                ended = self._run(source, wishes, tally, memory.done if memory else set(), options["workers"])
        except ImgoptError as error:
            raise CommandError(error.message) from error
        self._tell(tally, seconds=time.monotonic() - start, dry_run=wishes.dry_run)
        if not ended:
            self.stdout.write("Stopped before the end. The same command with --resume goes on from here.")
            sys.exit(INTERRUPTED)
        if tally.results["refused"]:
            sys.exit(1)

    def _run(self, source: Source, wishes: Wishes, tally: Tally, done: set[str], workers: int) -> bool:
        """This will say whether it came to the end; Ctrl-C waits for the pictures that are under way."""
        importing = Import(source, wishes, tally)
        outcomes = each(jobs_of(source, wishes, done), importing.do, workers)
        try:
            for outcome in self._shown(outcomes, tally):
                if outcome.result == "refused":
                    self.stderr.write(f"{outcome.path}: {outcome.reason}")
        except KeyboardInterrupt:
            outcomes.close()
            return False
        return True

    def _shown(self, outcomes: Iterable[Outcome], tally: Tally) -> Iterator[Outcome]:
        console = Console(stderr=True)
        if not console.is_terminal:
            for number, outcome in enumerate(outcomes, start=1):
                yield outcome
                if number % LINE_EVERY == 0:
                    self.stdout.write(f"{number} pictures: {_counts(tally)}")
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task("Importing")
            for outcome in outcomes:
                progress.update(task, advance=1, description=f"{_counts(tally)}  {outcome.path[-60:]}")
                yield outcome

    def _tell(self, tally: Tally, *, seconds: float, dry_run: bool) -> None:
        self.stdout.write(f"{_counts(tally)}, {tally.byte_size:,} bytes, {seconds:.1f} s" + (" (dry run)" * dry_run))
        for code, count in tally.reasons.most_common():
            self.stdout.write(f"  refused {count:>6}  {code}")


def _source(options: dict[str, Any]) -> Source:
    if (options["source"] is None) == (options["urls"] is None):
        raise CommandError("Expected a source, or --urls with a list of addresses.")
    if options["urls"] is not None:
        if options["in_place"]:
            raise CommandError("Expected a folder or a bucket for --in-place: addresses are always copied.")
        return listed_source(options["urls"])
    return in_place_source(options["source"]) if options["in_place"] else source_of(options["source"])


def _wishes(options: dict[str, Any]) -> Wishes:
    if not 1 <= options["workers"] <= MAX_WORKERS:
        raise CommandError(f"Expected 1 to {MAX_WORKERS} for --workers, received {options['workers']}.")
    prefix = options["key_prefix"]
    if prefix and not KEY.fullmatch(f"{prefix}x"):
        raise CommandError(f"Expected the beginning of a key such as shop/ for --key-prefix, received {prefix[:40]!r}.")
    for tag in options["tag"]:
        try:
            validate_tag(tag)
        except ValidationError as error:
            raise CommandError(error.messages[0]) from error
    return Wishes(
        has_keys=options["keys"] == "from-path",
        key_prefix=prefix,
        tags=tuple(options["tag"]),
        dry_run=options["dry_run"],
    )


def _memory_path(source: Source, wishes: Wishes) -> Path:
    """One file for one way of importing one source."""
    text = "\n".join([source.label, source.origin, str(wishes.has_keys), wishes.key_prefix])
    return Path(settings.IMGOPT_DATA_DIR) / "imports" / hashlib.sha256(text.encode()).hexdigest()[:32]


def _counts(tally: Tally) -> str:
    return ", ".join(f"{tally.results[word]} {word}" for word in ("imported", "present", "refused"))
