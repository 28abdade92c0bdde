"""A bar with the time left, on standard error, where that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

from imgopt.cli.terminal import errors

T = TypeVar("T")


def shown(done: Iterable[T], what: str, *, of: Sequence[T], weight: Callable[[T], float] = lambda _: 1) -> Iterator[T]:
    """This will pass on what is done of `of`, and draw how much of it that is by weight."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        TextColumn("{task.fields[count]} of {task.fields[of]},"),
        TimeRemainingColumn(compact=True),
        TextColumn("left"),
    )
    with Progress(*columns, console=errors(), transient=True, expand=True, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task(what, total=sum(map(weight, of)), count=0, of=len(of))
        for count, thing in enumerate(done, start=1):
            progress.update(bar, advance=weight(thing), count=count)
            yield thing
