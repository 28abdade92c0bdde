"""Purging on the command line."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from assets.masters import find_master
from delivery.purge import purge_master


class Command(BaseCommand):
    help = "Forget all variants of masters, in every tier."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("images", nargs="+", help="Ids or keys of masters.")

    def handle(self, *_args: Any, **options: Any) -> None:
        for reference in options["images"]:
            master = find_master(reference)
            if master is None:
                raise CommandError(f"Expected the id or key of a master, received {reference!r}.")
            purge_master(master)
            self.stdout.write(f"{master} purged.")
