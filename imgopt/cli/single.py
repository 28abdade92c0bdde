"""Commands that look at one or two files: their paths, and a render child to look in."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from imgopt.cli import files
from imgopt.cli.errors import NotDone, UsageError
from imgopt.cli.text import shown
from imgopt.cli.wishes import LIMITS
from pipeline.errors import ImgoptError
from pipeline.pool import PoolConfig, RenderPool

TIMEOUT_SECONDS: Final = 300.0


@contextmanager
def pool() -> Iterator[RenderPool]:
    """This will give a pool of one child, for what is in the files may crash it."""
    made = RenderPool(PoolConfig(processes=1, timeout_seconds=TIMEOUT_SECONDS, limits=LIMITS))
    try:
        yield made
    finally:
        made.stop()


def one_file(paths: Sequence[str]) -> Path:
    if len(paths) != 1:
        raise UsageError(f"Expected one file, received {len(paths) or 'none'}.")
    return Path(paths[0])


@contextmanager
def about(path: Path) -> Iterator[None]:
    """This will have what goes wrong say with which file it did."""
    try:
        yield
    except ImgoptError as error:
        raise NotDone(f"{shown(path)}: {error.message}") from error


def check(path: Path) -> os.stat_result:
    return files.readable(path)
