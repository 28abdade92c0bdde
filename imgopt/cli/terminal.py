"""What is written where: results to standard output, all else to standard error, nothing that a terminal would obey."""

from __future__ import annotations

import io
import sys
from typing import Final, TextIO

from rich.console import Console

WIDTH_OF_FILES: Final = 160
"""Of tables that no terminal shows: rich takes 80 for them, in which names do not fit."""


def output() -> Console:
    width = None if sys.stdout.isatty() else WIDTH_OF_FILES
    return Console(width=width, highlight=False, markup=False, emoji=False)


def errors() -> Console:
    return Console(stderr=True, highlight=False, markup=False, emoji=False)


def say(text: str) -> None:
    """This will write a line as it is, unwrapped, whatever the terminal's width."""
    sys.stdout.write(f"{text}\n")


def complain(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def write_anything() -> None:
    """This will keep names that the terminal's encoding does not have from ending the run."""
    for stream in (sys.stdout, sys.stderr):
        _escape(stream)


def _escape(stream: TextIO) -> None:
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
