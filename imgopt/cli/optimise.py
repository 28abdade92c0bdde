"""`imgopt optimise PATH…`: smaller pictures, with what they measure."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Final

from imgopt.cli import machine
from imgopt.cli.command import Command
from imgopt.cli.crew import Crew
from imgopt.cli.inputs import collect
from imgopt.cli.journal import Journals
from imgopt.cli.line import read_options
from imgopt.cli.making import Maker
from imgopt.cli.naming import Names
from imgopt.cli.planning import Planner, refuse_input
from imgopt.cli.session import Session
from pipeline.pool import PoolConfig, RenderPool

A_DAY: Final = 86_400.0
"""What a picture may wait for memory: nobody else is waiting for an answer."""

DESCRIPTION = """\
Make smaller copies of pictures, measure them, and leave the originals alone.

Results stand beside their pictures with the new extension (photo.webp, with --widths photo-800.webp, and photo.min.jpg
where the name would be the picture's own), or below --out in the same folders. A second run makes only what is missing
or has changed. No file is overwritten that imgopt did not make.
"""


def declare(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("paths", nargs="*", metavar="PATH", help="files and folders; folders are searched to their depths")
    add("-i", "--input", action="append", default=[], metavar="PATH", help="one more PATH, as icecube has it")
    add("-f", "--format", metavar="F,…", help="avif, webp, jpeg, png; default avif,webp")
    add("-w", "--widths", metavar="W,…", help="a result of each of these widths; none is enlarged")
    add("-q", "--quality", metavar="Q", help="auto (the default: SSIM 0.99), auto:0.985, or 1 to 100")
    add("-d", "--max-dimension", metavar="N", help="longest side of a result, in pixels; 0: as it is")
    add("-m", "--keep-metadata", action="store_true", help="keep EXIF, XMP and colour profile")
    add("--out", metavar="DIR", help="folder of the results; default: beside their pictures")
    add("-o", "--output", metavar="PATH", help="name of the one result, or the folder of several")
    add("--overwrite", action="store_true", help="make everything anew; files that imgopt did not make are replaced")
    add("--dry-run", action="store_true", help="tell what would be made, and write nothing")
    add("--json", action="store_true", help="the report as JSON on standard output, and nothing else there")
    add("--processes", metavar="N", help="render processes; default: one a core")
    add("--timeout", metavar="SECONDS", help="most time for one picture with all its results; default 600")


def run(options: Namespace) -> int:
    line = read_options(options)
    journals = Journals()
    found = collect(line.paths, out=line.out, journals=journals)
    names = Names(found.inputs, out=line.out, journals=journals)
    if line.out_file is not None:
        refuse_input(line.out_file, names, found.inputs)
    limits = line.wishes.limits
    config = PoolConfig(
        processes=min(line.processes, max(1, len(found.inputs))),
        timeout_seconds=line.seconds,
        queue_limit=line.processes,
        wait_seconds=A_DAY,
        memory_budget_mb=machine.memory_budget_mb(),
        limits=limits,
    )
    pool = RenderPool(config)
    planner = Planner(line.wishes, names=names, journals=journals, out_file=line.out_file, overwrite=line.overwrite)
    maker = Maker(pool, limits=limits, names=names, journals=journals, seconds=line.seconds)
    try:
        return Session(line, found, planner, maker, Crew(config.processes)).run()
    finally:
        pool.stop()


COMMAND = Command(
    names=("optimise", "optimize"),
    summary="make smaller copies of pictures, measured, in AVIF, WebP, JPEG or PNG",
    description=DESCRIPTION,
    declare=declare,
    run=run,
)
