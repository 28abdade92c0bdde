"""Remove what nobody needs any more."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from assets.pruning import Orphan, TooMany
from delivery import pruning


class Command(BaseCommand):
    help = (
        "Remove orphans that are older than an hour: files of masters without a row, variants of masters that are "
        "gone, uploads that were never completed, and what killed processes have left on this machine."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only list them")
        parser.add_argument(
            "--even-many",
            action="store_true",
            help="also if so many stored masters have no row that it seems to be another installation's database",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        dry_run: bool = options["dry_run"]
        each = self._tell if dry_run or options["verbosity"] > 1 else _say_nothing
        try:
            report = pruning.prune(dry_run=dry_run, even_many=options["even_many"], each=each)
        except TooMany as error:
            raise CommandError(str(error)) from error
        for kind, found in report.as_dict().items():
            self.stdout.write(f"{kind}: {found['count']}, {found['byteSize']:,} bytes")
        total = sum(report.counts.values())
        self.stdout.write(f"{total} orphans {'found' if dry_run else 'removed'}" if total else "nothing to prune")
        if report.failed:
            raise CommandError(f"{sum(report.failed.values())} could not be removed; the log says why.")

    def _tell(self, orphan: Orphan) -> None:
        self.stdout.write(f"  {orphan.kind} {orphan.name} ({orphan.byte_size:,} bytes)")


def _say_nothing(_: Orphan) -> None:
    return
