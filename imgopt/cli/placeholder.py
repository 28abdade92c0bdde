"""`imgopt placeholder FILE`: what a page shows until the picture is there."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from dataclasses import asdict

from rich.style import Style
from rich.text import Text

from imgopt.cli import single
from imgopt.cli.command import Command
from imgopt.cli.errors import OK, NotDone
from imgopt.cli.terminal import output, say
from pipeline.source import Placeholder

DESCRIPTION = """\
Print what a page shows until a picture is there: a tiny WebP as a data URI, the BlurHash, and the colours.
"""


def declare(parser: ArgumentParser) -> None:
    parser.add_argument("files", nargs="*", metavar="FILE")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(options: Namespace) -> int:
    path = single.one_file(options.files)
    with single.pool() as pool, single.about(path):
        single.check(path)
        made = pool.inspect(path).placeholder
    if made is None:
        raise NotDone("Expected a placeholder, received none.")
    if options.json:
        say(json.dumps({**asdict(made), "dominant_colour": made.dominant_colour}, indent=2))
    else:
        _print(made)
    return OK


def _print(made: Placeholder) -> None:
    say(f"data URI         {made.data_uri}")
    say(f"BlurHash         {made.blurhash}")
    say(f"dominant colour  {made.dominant_colour}")
    palette = Text("palette          ")
    console = output()
    for colour in made.palette:
        if console.is_terminal:
            palette.append("██ ", Style(color=colour))
        palette.append(f"{colour}  ")
    palette.rstrip()
    console.print(palette, soft_wrap=True)


COMMAND = Command(
    names=("placeholder",),
    summary="print data URI, BlurHash, dominant colour and palette of a picture",
    description=DESCRIPTION,
    declare=declare,
    run=run,
)
