"""`manage.py backup FOLDER`."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from imgopt.backup.making import make


class Command(BaseCommand):
    help = "Write the rows and the masters into a new folder, while the service runs; `restore` takes it, in any shape."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--secret", type=Path, metavar="FILE", help="Write Django's secret there, apart from it.")
        parser.add_argument(
            "--no-masters", action="store_true", help="Only the rows: the masters' bucket is kept by other means."
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        folder, secret = options["folder"].resolve(), options["secret"]
        if folder.exists():
            raise CommandError(f"Expected a folder that is not there yet, received {folder}.")
        if secret is not None and secret.resolve().is_relative_to(folder):
            raise CommandError(
                "Expected a place for the secret outside of the backup: whoever has both has everything."
            )
        if secret is not None:
            _write_secret(secret)
        made = make(folder, with_masters=not options["no_masters"], say=self.stdout.write)
        self.stdout.write(f"{made.rows} rows and {made.masters} masters ({made.master_bytes / 1e6:.1f} MB) in {folder}")
        if secret is None:
            self.stdout.write(
                "Its signing keys open only with this installation's secret: --secret FILE writes that apart."
            )
        if made.damaged:
            raise CommandError(
                f"{len(made.damaged)} masters are missing or damaged, and only their rows were kept: "
                f"{', '.join(made.damaged[:10])}"
            )


def _write_secret(file: Path) -> None:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise CommandError(f"Expected a file that can be made for the secret: {error}") from error
    with os.fdopen(descriptor, "w") as stream:
        stream.write(settings.SECRET_KEY)
