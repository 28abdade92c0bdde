"""Make ready the buckets that the settings name."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from assets.s3.attempts import S3Resting
from assets.s3.setup import allow_sites, lifecycle_of, make_bucket, set_lifecycle


class Command(BaseCommand):
    help = "Make the buckets of IMGOPT_MASTERS_BUCKET and IMGOPT_VARIANTS_BUCKET and give them their lifecycle rules."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--keep-variants-days",
            type=int,
            default=0,
            metavar="N",
            help="let S3 remove variants after so many days; they are made again when they are asked for (0: never)",
        )
        parser.add_argument(
            "--allow-site",
            action="append",
            default=[],
            metavar="ORIGIN",
            help="let the pages of https://www.example.com upload straight into the masters' bucket",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        config = settings.CONFIG
        if config.storage != "s3":
            raise CommandError("Expected IMGOPT_STORAGE=s3: there are no buckets to make ready.")
        if options["keep_variants_days"] < 0:
            raise CommandError("Expected 0 or more days for --keep-variants-days.")
        rules = {
            config.masters_bucket: lifecycle_of(incoming=True),
            config.variants_bucket: lifecycle_of(incoming=False, keep_days=options["keep_variants_days"]),
        }
        try:
            for name, its_rules in rules.items():
                self._make_ready(
                    name, its_rules, must=name == config.variants_bucket and options["keep_variants_days"] > 0
                )
            if options["allow_site"]:
                allow_sites(config.masters_bucket, options["allow_site"])
        except (BotoCoreError, ClientError, S3Resting) as error:
            raise CommandError(f"S3 does not do it: {error}") from error

    def _make_ready(self, name: str, rules: list[dict[str, Any]], *, must: bool) -> None:
        made = "made" if make_bucket(name) else "there"
        if set_lifecycle(name, rules):
            self.stdout.write(f"{name}: {made}, {len(rules)} lifecycle rules")
        elif must:
            raise CommandError(f"{name}: {made}, but this S3 has no lifecycle rules that could remove variants.")
        else:
            self.stdout.write(f"{name}: {made}; this S3 has no lifecycle rules, so `prune` alone removes leftovers")
