"""What the first start does besides starting: for installations whose servers are started with `--no-setup`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from imgopt.setup import how_to_get_in, make_secrets, prepare


class Command(BaseCommand):
    help = "Migrate the database and, in a new installation, make its secrets and print them; then end."

    def handle(self, *_args: Any, **_options: Any) -> None:
        prepare(self.stdout.write)
        self.stdout.write("\n".join(how_to_get_in(make_secrets())))
