"""A signed URL on the command line."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any
from urllib.parse import parse_qsl

from django.core.management.base import BaseCommand, CommandError

from assets.masters import get_master
from delivery.publish import signed_url
from pipeline.errors import ImgoptError


class Command(BaseCommand):
    help = 'Print the signed URL of a variant, such as: sign_url products/shoe "w=800&fm=webp" --expires-in 3600'

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("image", help="Id or key of a master.")
        parser.add_argument("params", nargs="?", default="", help="Parameters as in a URL.")
        parser.add_argument("--file-name", default="", help="Decorative file name.")
        parser.add_argument("--expires-in", type=int, default=None, metavar="SECONDS")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            pairs = parse_qsl(options["params"], keep_blank_values=True, strict_parsing=bool(options["params"]))
        except ValueError as error:
            raise CommandError(f"Expected parameters such as w=800&fm=webp, received {options['params']!r}.") from error
        if len(dict(pairs)) != len(pairs):
            raise CommandError("Expected each parameter once, received one of them twice.")
        try:
            url = signed_url(
                get_master(options["image"]),
                dict(pairs),
                file_name=options["file_name"],
                expires_in_seconds=options["expires_in"],
            )
        except ImgoptError as error:
            raise CommandError(error.message) from error
        self.stdout.write(url)
