"""What is asked of every picture of a line, read from its options."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

from imgopt.cli import machine
from imgopt.cli.errors import UsageError
from imgopt.values import integer, number, words
from pipeline.errors import BadParameter
from pipeline.export import FORMATS, export_request, read_format
from pipeline.geometry import plan
from pipeline.limits import Limits
from pipeline.request import RenderRequest
from pipeline.source import SourceInfo
from pipeline.spec import Format
from pipeline.targets import TARGETS, Target, read_quality

T = TypeVar("T")

MAX_SIDE: Final = 16_383
"""WebP has no more pixels a side, and AVIF one more."""
LIMITS: Final = Limits(max_output_side=MAX_SIDE, max_output_megapixels=100)
"""Nobody but whoever typed the line waits for its results: they may be as large as its sources."""
TIMEOUT_SECONDS: Final = 600.0
"""Of one picture with all its results: three widths of 40 megapixels, searched and measured, take two minutes."""
DEFAULT_FORMATS: Final[tuple[Format, ...]] = ("avif", "webp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """
    >>> photo = SourceInfo(format="jpeg", width=1200, height=800)
    >>> [wanted.suffix for wanted in Wishes(formats=("webp",), widths=(480, 800, 1600, 3200)).of(photo)]
    ['-480', '-800', '-1200']
    """

    formats: tuple[Format | None, ...] = DEFAULT_FORMATS
    """None stands for the picture's own format."""
    widths: tuple[int, ...] = ()
    quality: int | Target = TARGETS["best"]
    """1 to 100, or what to aim at."""
    max_dimension: int = 0
    keep_metadata: bool = False
    limits: Limits = LIMITS

    def of(self, info: SourceInfo) -> list[Wanted]:
        """This will list the results of a picture; widths that it does not have become its own, once."""
        results: dict[tuple[Format, str], Wanted] = {}
        for output_format in self.formats:
            whole = self._request(info, output_format)
            most, _ = size_of(whole, info)
            for width in self.widths or (most,):
                request = whole if width >= most else replace(whole, spec=replace(whole.spec, width=width, height=None))
                suffix, row = ("", "") if not self.widths else (f"-{min(width, most)}", f" {width}")
                results.setdefault((request.format, suffix), Wanted(request, suffix, f"{request.format}{row}"))
        return list(results.values())

    def _request(self, info: SourceInfo, output_format: Format | None) -> RenderRequest:
        return export_request(
            info,
            format=output_format,
            max_dimension=self.max_dimension,
            quality=self.quality,
            keep_metadata=self.keep_metadata,
            limits=self.limits,
        )


@dataclass(frozen=True, slots=True)
class Wanted:
    request: RenderRequest
    suffix: str
    """What the name of the result has behind that of its picture: its width, where widths are asked for."""
    row: str
    """What it is counted with: its format, and the width that was asked for."""


def size_of(request: RenderRequest, info: SourceInfo) -> tuple[int, int]:
    """This will give the width and height of a result, in pixels."""
    work = plan(request.spec, width=info.width, height=info.height, orientation=info.orientation, limits=request.limits)
    return work.output_width, work.output_height


def read_wishes(options: Namespace, *, formats: tuple[Format | None, ...]) -> Wishes:
    """This will read the options that say what is made; `formats` are those of a line that names none."""
    return Wishes(
        formats=_read("--format", options.format, _formats) or formats,
        widths=_read("--widths", options.widths, _widths) or (),
        quality=_read("--quality", options.quality, read_quality) or TARGETS["best"],
        max_dimension=_read("--max-dimension", options.max_dimension, _max_dimension) or 0,
        keep_metadata=options.keep_metadata,
    )


def read_processes(options: Namespace) -> int:
    return _read("--processes", options.processes, integer(1, 256)) or machine.cores()


def read_seconds(options: Namespace) -> float:
    return _read("--timeout", options.timeout, number(0.1, 86_400)) or TIMEOUT_SECONDS


def format_of(path: Path) -> Format | None:
    """This will give the format that a result's name says; None: it says nothing."""
    if not path.suffix:
        return None
    try:
        return read_format(path.suffix[1:])
    except BadParameter as error:
        raise UsageError(
            f"Expected an output that ends in .{', .'.join(FORMATS)}, or -format, received {path.name!r}."
        ) from error


def _read(name: str, text: str | None, read: Callable[[str], T]) -> T | None:
    if text is None:
        return None
    try:
        return read(text)
    except BadParameter as error:
        raise UsageError(error.message) from error
    except ValueError as error:
        raise UsageError(f"Expected {error} for {name}, received {text[:60]!r}.") from error


def _formats(text: str) -> tuple[Format, ...]:
    formats = tuple(dict.fromkeys(read_format(word.removeprefix(".")) for word in words(text)))
    if not formats:
        raise ValueError(f"some of {', '.join(FORMATS)}, separated by commas,")
    return formats


def _widths(text: str) -> tuple[int, ...]:
    try:
        widths = tuple(sorted({integer(1, MAX_SIDE)(word) for word in words(text)}))
    except ValueError as error:
        raise ValueError(f"widths from 1 to {MAX_SIDE} such as 480,800,1600") from error
    if not widths:
        raise ValueError("widths such as 480,800,1600")
    return widths


def _max_dimension(text: str) -> int:
    return integer(0, 1_000_000)(text)
