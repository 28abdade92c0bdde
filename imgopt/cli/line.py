"""The options of `imgopt optimise`, read."""

from __future__ import annotations

import os
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

from imgopt.cli.errors import UsageError
from imgopt.cli.wishes import DEFAULT_FORMATS, Wishes, format_of, read_processes, read_seconds, read_wishes
from pipeline.spec import Format


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The options of a line, read."""

    paths: tuple[Path, ...]
    out: Path | None
    """The folder of the results; None: beside their pictures."""
    out_file: Path | None
    """The one result's own name."""
    wishes: Wishes
    processes: int
    seconds: float
    overwrite: bool
    dry_run: bool
    as_json: bool


def read_options(options: Namespace) -> Line:
    """This will read the line, or raise `UsageError`."""
    paths = tuple(Path(path) for path in (*options.input, *options.paths))
    if not paths:
        raise UsageError("Expected a file or folder; --help tells more.")
    if options.out is not None and options.output is not None:
        raise UsageError("Expected --out or -output, received both.")
    out = None if options.out is None else Path(options.out)
    out_file = None
    if options.output is not None:
        if _is_file(options.output, paths):
            out_file = Path(options.output)
        else:
            out = Path(options.output)
    if out is not None and out.exists() and not out.is_dir():
        raise UsageError(f"Expected a folder for the results, received {str(out)!r}.")
    formats: tuple[Format | None, ...] = DEFAULT_FORMATS if options.has_command else (None,)
    if out_file is not None and options.format is None:
        formats = (format_of(out_file),)
    wishes = read_wishes(options, formats=formats)
    if out_file is not None:
        _check_single(out_file, wishes)
    return Line(
        paths=paths,
        out=out,
        out_file=out_file,
        wishes=wishes,
        processes=read_processes(options),
        seconds=read_seconds(options),
        overwrite=options.overwrite,
        dry_run=options.dry_run,
        as_json=options.json,
    )


def _is_file(output: str, paths: tuple[Path, ...]) -> bool:
    """Whether `-output` names the result itself: there is one picture, and no such folder."""
    return len(paths) == 1 and not paths[0].is_dir() and not output.endswith(os.sep) and not Path(output).is_dir()


def _check_single(out_file: Path, wishes: Wishes) -> None:
    if len(wishes.formats) > 1 or len(wishes.widths) > 1:
        raise UsageError("Expected one format and at most one width where -output names a file, received more.")
    said, wanted = _said_by(out_file), wishes.formats[0]
    if wanted is not None and said is not None and said != wanted:
        raise UsageError(f"Expected an output that is called as what it is, {wanted}, received {out_file.name!r}.")


def _said_by(path: Path) -> Format | None:
    try:
        return format_of(path)
    except UsageError:
        return None
