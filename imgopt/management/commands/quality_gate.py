"""The quality gate on the command line."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from assets.children import limits, render_pool
from imgopt.cli.text import counted, shown
from imgopt.gate.baseline import Baseline, Entry, read_baseline, write_baseline
from imgopt.gate.comparison import Change, Tolerances, compared
from imgopt.gate.corpus import Picture, corpus
from imgopt.gate.rendering import Asked, rendered
from imgopt.gate.table import draw, summary
from imgopt.values import integer, number, quality, words
from pipeline.errors import ImgoptError
from pipeline.export import read_format

T = TypeVar("T")

PAST, USAGE, INTERRUPTED = 1, 2, 130
LINE_EVERY: Final = 20
"""Pictures, where the output is no terminal."""
TOLERANCES: Final = Tolerances()


class Command(BaseCommand):
    help = (
        "Render a corpus and compare bytes and scores with what was recorded. "
        "Status 1: something is past a tolerance; 2: the command was not understood."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("corpus", help="A folder; masters: and how their keys begin; or masters:tag= and a tag.")
        parser.add_argument("--baseline", type=Path, metavar="FILE", default=Path("quality-baseline.json"))
        parser.add_argument("--record", action="store_true", help="Write the baseline instead of comparing with it.")
        parser.add_argument("--formats", default="avif,webp,jpeg", metavar="LIST")
        parser.add_argument("--widths", default="800", metavar="LIST", help="In pixels; nothing is enlarged.")
        parser.add_argument("--quality", default="auto:good", help="As q in a URL, or default: each format's own.")
        for name, unit, most in (
            ("bytes", "PERCENT", "a file may grow by"),
            ("ssim", "X", "its SSIM may fall by"),
            ("worst-tile", "X", "the SSIM of its worst tile may fall by"),
            ("delta-e", "X", "its ΔE00 may rise by, the 99th percentile and the worst tile's chroma"),
        ):
            default = getattr(TOLERANCES, "bytes_percent" if name == "bytes" else name.replace("-", "_"))
            parser.add_argument(
                f"--tolerance-{name}", default=f"{default:g}", metavar=unit, help=f"What {most}; default {default:g}."
            )
        parser.add_argument("--json", action="store_true", help="As JSON.")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            asked, tolerances = _asked(options), _tolerances(options)
            before = None if options["record"] else read_baseline(options["baseline"])
            pictures = corpus(options["corpus"])
            made = dict(self._shown(rendered(pictures, asked, render_pool()), len(pictures)))
            after = Baseline(pictures={picture.digest: made[picture] for picture in pictures if picture in made})
            if before is None:
                write_baseline(options["baseline"], after)
                self._tell_recorded(after, options)
                return
            changes = compared(before, after, tolerances)
        except ImgoptError as error:
            raise CommandError(error.message, returncode=USAGE) from error
        except KeyboardInterrupt:
            self.stderr.write("Stopped: nothing was recorded or compared.")
            sys.exit(INTERRUPTED)
        self._tell(before, after, changes, options)
        if any(change.state == "worse" for change in changes):
            sys.exit(PAST)

    def _tell_recorded(self, after: Baseline, options: dict[str, Any]) -> None:
        rows = [figures for entry in after.pictures.values() for figures in entry.renders.values()]
        failed = [
            (entry.name, row, each.error) for entry in after.pictures.values() for row, each in entry.renders.items()
        ]
        failed = [each for each in failed if each[2]]
        if options["json"]:
            failures = [{"picture": name, "row": row, "error": error} for name, row, error in failed]
            said = {"recorded": len(rows), "baseline": str(options["baseline"]), "failed": failures}
            self.stdout.write(json.dumps(said, indent=2, ensure_ascii=False))
            return
        for name, row, error in failed:
            self.stdout.write(f"{shown(name)}  {row}  {error}")
        self.stdout.write(
            f"{counted(len(rows), 'rendition')} of {counted(len(after.pictures), 'picture')} recorded in "
            f"{shown(options['baseline'])}, {len(failed)} failed."
        )

    def _tell(self, before: Baseline, after: Baseline, changes: list[Change], options: dict[str, Any]) -> None:
        if options["json"]:
            said = {
                "fingerprint": {"before": before.fingerprint, "after": after.fingerprint},
                "worse": any(change.state == "worse" for change in changes),
                "changes": [change.as_dict() for change in changes],
            }
            self.stdout.write(json.dumps(said, indent=2, ensure_ascii=False))
            return
        if before.fingerprint == after.fingerprint:
            self.stdout.write(f"versions  {after.fingerprint}, as before")
        else:
            self.stdout.write(f"before    {before.fingerprint}\nafter     {after.fingerprint}")
        draw(changes, Console(file=self.stdout, width=None if sys.stdout.isatty() else 200))  # type: ignore[arg-type]
        self.stdout.write(summary(changes))

    def _shown(self, made: Iterable[tuple[Picture, Entry]], total: int) -> Iterator[tuple[Picture, Entry]]:
        console = Console(stderr=True)
        if not console.is_terminal:
            for number_done, each in enumerate(made, start=1):
                yield each
                if number_done % LINE_EVERY == 0:
                    self.stderr.write(f"{number_done} of {total} pictures")
            return
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task("Rendering", total=total)
            for each in made:
                progress.update(task, advance=1, description=shown(each[0].name[-60:]))
                yield each


def _asked(options: dict[str, Any]) -> Asked:
    formats = tuple(dict.fromkeys(read_format(word) for word in words(options["formats"])))
    widths = _read("--widths", options["widths"], _widths)
    if not formats or not widths:
        raise CommandError("Expected at least one of --formats and --widths, received none.", returncode=USAGE)
    return Asked(formats=formats, widths=widths, quality=_read("--quality", options["quality"], quality))


def _tolerances(options: dict[str, Any]) -> Tolerances:
    return Tolerances(
        bytes_percent=_read("--tolerance-bytes", options["tolerance_bytes"], number(0, 1000)),
        ssim=_read("--tolerance-ssim", options["tolerance_ssim"], number(0, 1)),
        worst_tile=_read("--tolerance-worst-tile", options["tolerance_worst_tile"], number(0, 1)),
        delta_e=_read("--tolerance-delta-e", options["tolerance_delta_e"], number(0, 100)),
    )


def _widths(text: str) -> tuple[int, ...]:
    side = integer(1, limits().max_output_side)
    return tuple(sorted({side(word) for word in words(text)}))


def _read(name: str, text: object, read: Callable[[str], T]) -> T:
    try:
        return read(str(text))
    except ValueError as error:
        raise CommandError(f"Expected {error} for {name}, received {str(text)[:60]!r}.", returncode=USAGE) from error
