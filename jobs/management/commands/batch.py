"""A batch on the command line, with a bar while the workers work on it."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from jobs import ledger
from jobs.batches import manifest, service
from jobs.batches.spec import read_spec
from jobs.models import Batch
from pipeline.errors import ImgoptError

LOOK_SECONDS = 0.3


class Command(BaseCommand):
    help = (
        "Render variants of many masters, such as: batch --prefix products/ --preset hero --manifest made.csv. "
        "The workers do it (`make run` starts one); Ctrl-C leaves them to it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("images", nargs="*", help="Ids or keys of masters.")
        parser.add_argument("--prefix", help="Masters whose key begins so.")
        parser.add_argument("--tag", help="Masters with this tag.")
        parser.add_argument("--all", action="store_true", help="The whole library.")
        parser.add_argument("--preset", default="")
        parser.add_argument("--params", default="", help="As in a URL, such as 'ar=16:9&fit=crop'.")
        parser.add_argument("--widths", default="", help="Pixels, such as 480,960; none: those that markup offers.")
        parser.add_argument("--formats", default="", help="Such as avif,webp; none: those that markup names.")
        parser.add_argument("--name", default="")
        parser.add_argument(
            "--manifest", type=Path, metavar="FILE", help="Write the manifest to FILE.json or FILE.csv."
        )
        parser.add_argument("--no-wait", action="store_true", help="Print the batch's id and go.")
        parser.add_argument("--cancel", metavar="ID", help="Cancel a batch instead.")

    def handle(self, *_args: Any, **options: Any) -> None:
        target: Path | None = options["manifest"]
        if target is not None and target.suffix not in (".json", ".csv"):
            raise CommandError(f"Expected a name that ends in .json or .csv for --manifest, received {target.name!r}.")
        try:
            if options["cancel"]:
                ended = ledger.cancel_batch(service.get_batch(options["cancel"]))
                self.stdout.write(f"{ended} masters' work was cancelled.")
                return
            batch = _begin(options)
        except ImgoptError as error:
            raise CommandError(error.message) from error
        self.stdout.write(str(batch.id))
        if options["no_wait"]:
            return
        _wait(batch)
        counts = service.summaries([batch])[batch.id]
        self.stderr.write(f"{counts['done']} of {counts['total']} masters done, {counts['failed']} failed.")
        if target is not None:
            write = manifest.csv_lines if target.suffix == ".csv" else manifest.json_lines
            with target.open("w", encoding="utf-8", newline="") as file:
                file.writelines(write(batch))
        if counts["failed"] or counts["cancelled"]:
            raise CommandError("Not every master's work was done; the manifest and the admin say why.", returncode=1)


def _begin(options: dict[str, Any]) -> Batch:
    params = dict(pair.partition("=")[::2] for pair in options["params"].split("&") if pair)
    said = {name: options[name] for name in ("preset", "widths", "formats")}
    spec = read_spec({**said, "params": params})
    chosen = {name: options[name] for name in service.CHOICES if options[name]}
    return service.begin(service.selected(chosen), spec, name=options["name"])


def _wait(batch: Batch) -> None:
    """The bar goes to standard error, and only to a terminal: what is piped on is the id alone."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("Rendering", total=None)
        while batch.finished_at is None:
            counts = service.summaries([batch])[batch.id]
            ended = counts["done"] + counts["failed"] + counts["cancelled"]
            progress.update(task, completed=ended, total=counts["total"])
            time.sleep(LOOK_SECONDS)
            batch.refresh_from_db()
