"""What a server's processes take, from /proc, and whether it grows."""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

WARM_UP_SHARE = 0.4
"""Of the time: tiers fill, pools and threads start."""
MEMORY_SHARE, MEMORY_MB = 0.08, 24.0
FILES = 24
"""By so much two medians of the same thing may differ: allocators and pools breathe."""


@dataclass(frozen=True, slots=True)
class Sample:
    seconds: float
    memory_mb: float
    """Of all processes together, what several share counted once each."""
    lasting_mb: float
    """Of those that do not come and go: render children may be replaced."""
    files: int
    """Descriptors that those have open."""


@dataclass
class Watch:
    """Looks every `interval` seconds at a process and all it has started."""

    pid: int
    interval: float = 1.0
    samples: list[Sample] = field(default_factory=list)
    _end: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        start = time.monotonic()
        while not self._end.wait(self.interval):
            pids = tree(self.pid)
            lasting = [pid for pid in pids if not is_render_child(pid)]
            self.samples.append(
                Sample(
                    time.monotonic() - start,
                    sum(map(memory_mb, pids)),
                    sum(map(memory_mb, lasting)),
                    sum(map(open_files, lasting)),
                )
            )


def tree(pid: int) -> list[int]:
    """A process and all that it and its children have started."""
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        try:
            for task in Path(f"/proc/{one}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        except OSError:  # it has ended meanwhile
            continue
    return found


def is_render_child(pid: int) -> bool:
    return b"pipeline.child" in _read(pid, "cmdline")


def memory_mb(pid: int) -> float:
    for line in _read(pid, "status").splitlines():
        if line.startswith(b"VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def open_files(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208  one call a process, many times
    except OSError:
        return 0


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def growth(values: Sequence[float]) -> tuple[float, float]:
    """This will give the medians of the two halves of what was seen after the warm-up."""
    rest = values[int(len(values) * WARM_UP_SHARE) :]
    middle = len(rest) // 2
    return statistics.median(rest[:middle]), statistics.median(rest[middle:])


def complaints(samples: Sequence[Sample]) -> list[str]:
    """This will say what has grown, each in a sentence; an empty list is what everybody wants."""
    if len(samples) < 20:
        return [f"Expected at least 20 looks at the processes, had {len(samples)}."]
    found = []
    for name in ("memory_mb", "lasting_mb"):
        before, after = growth([getattr(each, name) for each in samples])
        if after > before + max(MEMORY_MB, MEMORY_SHARE * before):
            found.append(f"{name} grew from {before:.0f} to {after:.0f} MB.")
    before, after = growth([float(each.files) for each in samples])
    if after > before + FILES:
        found.append(f"Open files grew from {before:.0f} to {after:.0f}.")
    return found


def leftovers(folders: Iterable[Path]) -> list[str]:
    """This will name what lies in folders that should be empty, and every half-written file below any of them."""
    return [str(file) for folder in folders for file in folder.rglob("*") if file.is_file()]
