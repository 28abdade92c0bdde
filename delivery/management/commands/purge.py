"""Purging on the command line."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from assets.masters import find_master
from delivery.purge import masters_tagged, masters_under, purge_master, purge_masters
from pipeline.errors import ImgoptError


class Command(BaseCommand):
    help = "Forget all variants of masters, in every tier: those named, those of a key prefix, those with a tag."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("images", nargs="*", help="Ids or keys of masters.")
        parser.add_argument("--prefix", help="What their keys begin with, such as products/ (or @origin/path).")
        parser.add_argument("--tag", help="One of their tags.")

    def handle(self, *_args: Any, **options: Any) -> None:
        if sum(bool(options[name]) for name in ("images", "prefix", "tag")) != 1:
            raise CommandError("Expected one of: ids or keys of masters, --prefix, --tag.")
        for reference in options["images"]:
            master = find_master(reference)
            if master is None:
                raise CommandError(f"Expected the id or key of a master, received {reference!r}.")
            purge_master(master)
            self.stdout.write(f"{master} purged.")
        try:
            if options["prefix"]:
                self.stdout.write(f"{purge_masters(masters_under(options['prefix']))} masters purged.")
            if options["tag"]:
                self.stdout.write(f"{purge_masters(masters_tagged(options['tag']))} masters purged.")
        except ImgoptError as error:
            raise CommandError(error.message) from error
