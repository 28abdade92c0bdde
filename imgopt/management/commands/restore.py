"""`manage.py restore FOLDER`."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from imgopt.backup.manifest import NotRestored
from imgopt.backup.restoring import restore
from imgopt.resealing import reseal


class Command(BaseCommand):
    help = "Put a backup into an installation that has nothing yet; it may be of another shape than the one it is from."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument(
            "--secret",
            type=Path,
            metavar="FILE",
            help="The other installation's secret: what it sealed is sealed anew.",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        folder, secret = options["folder"].resolve(), options["secret"]
        try:
            former = [] if secret is None else [secret.read_text().strip()]
        except OSError as error:
            raise CommandError(f"Expected a readable file with the secret: {error}") from error
        call_command("migrate", verbosity=0, interactive=False)
        try:
            found = restore(folder, say=self.stdout.write)
        except NotRestored as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{found.rows} rows and {found.masters} masters restored, of {found.made_at}")
        if not found.has_masters:
            self.stdout.write("It has no masters: the bucket must have them.")
        sealed = reseal(*former)
        if sealed.closed:
            raise CommandError(
                f"{sealed.closed} secrets do not open with this installation's secret: run `manage.py reseal --secret "
                "FILE` with that of the other one, or URLs that were signed before are refused."
            )
