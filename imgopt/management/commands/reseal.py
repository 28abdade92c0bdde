"""`manage.py reseal`."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from imgopt.resealing import reseal


class Command(BaseCommand):
    help = (
        "Seal signing keys and webhooks' secrets with IMGOPT_SECRET_KEY as it is now; former ones are needed no more."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--secret", type=Path, metavar="FILE", help="A former secret, besides those of IMGOPT_SECRET_KEY_FORMER."
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            former = [] if options["secret"] is None else [options["secret"].read_text().strip()]
        except OSError as error:
            raise CommandError(f"Expected a readable file with the secret: {error}") from error
        found = reseal(*former)
        self.stdout.write(f"{found.changed} sealed anew.")
        if found.closed:
            raise CommandError(f"{found.closed} do not open with any secret that is known.")
