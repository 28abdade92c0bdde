"""The reference for cold renders: the same libvips calls, from a pool of spawned processes and with nothing around.

Loaders, shrink-on-load, kernel and encoder options are those of `pipeline`; what it knows of a source beforehand
(format, size, whether colours need converting) is told, not found out.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any

from pipeline.child import NICENESS
from pipeline.spec import Format


@dataclass(frozen=True, kw_only=True)
class Job:
    path: str
    loader: str
    source_width: int
    convert: bool
    width: int
    format: Format


def job(path: Path, width: int, kind: Format) -> Job:
    """This will look into the file, outside the measurement."""
    from pipeline.header import LOADERS, read_header
    from pipeline.limits import Limits

    info = read_header(path.read_bytes(), Limits())
    if info.orientation != 1 or info.has_alpha or info.colour_space != "rgb":
        raise ValueError(f"Expected an upright RGB photograph without alpha, received {path.name}.")
    return Job(
        path=str(path),
        loader=LOADERS[info.format],
        source_width=info.width,
        convert=not info.is_srgb,
        width=width,
        format=kind,
    )


def render(todo: Job) -> bytes:
    import pyvips

    from pipeline.encode import ENCODERS

    options: dict[str, Any] = {"access": "sequential", "fail_on": "error"}
    if todo.loader == "jpegload_buffer":
        options["shrink"] = next((by for by in (8, 4, 2) if todo.source_width / todo.width / 2 >= by), 1)
    image = pyvips.Operation.call(todo.loader, Path(todo.path).read_bytes(), **options)
    image = image.resize(todo.width / image.width)
    if todo.convert:
        image = image.icc_transform("srgb", embedded=True, intent="relative", black_point_compensation=True, depth=8)
    encoder = ENCODERS[todo.format]
    return bytes(pyvips.Operation.call(encoder.operation, image, keep="none", Q=encoder.quality, **encoder.options))


def prepare() -> None:
    """This will set libvips up as a render child has it."""
    os.environ["VIPS_CONCURRENCY"] = "1"
    os.nice(NICENESS)
    import pyvips

    pyvips.cache_set_max(0)


@contextmanager
def pool(processes: int) -> Iterator[Pool]:
    before = os.environ.get("MALLOC_ARENA_MAX")
    os.environ["MALLOC_ARENA_MAX"] = "2"  # read by the C library when a process starts
    try:
        with multiprocessing.get_context("spawn").Pool(processes, initializer=prepare) as workers:
            yield workers
    finally:
        os.environ.pop("MALLOC_ARENA_MAX") if before is None else os.environ.update(MALLOC_ARENA_MAX=before)
