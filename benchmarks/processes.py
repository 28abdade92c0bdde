"""What /proc says of a server and of all processes under it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path


def tree(pid: int) -> Iterator[int]:
    """This will give a process and all its descendants that live."""
    yield pid
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return
    for child in children:
        yield from tree(child)


def command_line(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")


def cpu_seconds(pids: Iterable[int]) -> float:
    """This will add up user and system time, in hundredths of a second."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / 100
