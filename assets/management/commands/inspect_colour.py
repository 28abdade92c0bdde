"""The colour inspector on the command line."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from assets.colour import colours_of, view_of
from assets.masters import get_master
from pipeline.colour_report import VIEWS
from pipeline.errors import ImgoptError


class Command(BaseCommand):
    help = "Tell how much a master depends on its colour profile, and draw it with the profile applied and ignored."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("image", help="Id or key of a master.")
        parser.add_argument("--save", type=Path, metavar="FOLDER", help="Write managed.png, ignored.png and heat.png.")
        parser.add_argument("--json", action="store_true", help="As JSON.")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            blob = get_master(options["image"]).blob
            found = colours_of(blob)
            if options["save"] is not None:
                options["save"].mkdir(parents=True, exist_ok=True)
                for view in VIEWS:
                    (options["save"] / f"{view}.png").write_bytes(view_of(blob, view))
        except ImgoptError as error:
            raise CommandError(error.message) from error
        except OSError as error:
            raise CommandError(
                f"Expected a folder that can be written to, {options['save']}: {error.strerror}."
            ) from error
        self.stdout.write(json.dumps(found, indent=2) if options["json"] else "\n".join(_lines(found)))


def _lines(found: dict[str, Any]) -> list[str]:
    gamut, ignored = found["gamut"], found["ignored"]
    triangle = "none" if gamut is None else f"{gamut['name'] or 'of its own'}, {gamut['area']:.2f} × the area of sRGB"
    figures = (("mean", "mean"), ("p95", "95th percentile"), ("p99", "99th percentile"))
    differences = ", ".join(f"{ignored[name]:.2f} {word}" for name, word in figures)
    return [
        f"verdict          {found['verdict']}",
        f"samples          {found['colourSpace']}",
        f"profile          {found['profile'] or 'none that can be named'}",
        f"gamut            {triangle}",
        f"beyond sRGB      {100 * found['outsideSrgb']:.1f} % of the pixels",
        f"profile ignored  ΔE00 {differences}",
    ]
