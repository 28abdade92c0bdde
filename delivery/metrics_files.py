"""The folder in which the processes of one server keep their metrics, so that each can tell the sum.

Every server has a folder of its own (two may share a data directory) and holds a lock on it. What a server that is gone
has left is removed when the next one starts. `prometheus_client` finds the folder by an environment variable.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from pathlib import Path

from prometheus_client.multiprocess import mark_process_dead

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_PREFIX = "server-"
_GAUGES = re.compile(r"gauge_live[a-z]*_(\d+)\.db")


class MetricsFolder:
    """A fresh folder, which lives as long as whoever made it; older ones that nobody holds any more are removed."""

    def __init__(self, parent: Path) -> None:
        parent.mkdir(parents=True, exist_ok=True)
        with (parent / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # or another server could remove what is not locked yet
            for folder in parent.glob(f"{_PREFIX}*"):
                _remove_unless_held(folder)
            self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent)).resolve()
            self._descriptor = _open(self.path)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def close(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._descriptor)


def forget_dead_processes(folder: Path) -> None:
    """This will remove the gauges of processes that are gone; what they have counted stays."""
    pids = {int(match[1]) for path in folder.iterdir() if (match := _GAUGES.fullmatch(path.name))}
    for pid in pids:
        if not _is_alive(pid):
            try:
                mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]
            except FileNotFoundError:
                continue  # another scrape was faster


def _remove_unless_held(folder: Path) -> None:
    descriptor = _open(folder)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
    except BlockingIOError:
        return
    finally:
        os.close(descriptor)


def _open(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's process by now
        return False
    return True
