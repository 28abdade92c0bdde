"""Keeps a folder on a local disk below its limit: that of the variants, or that of the masters' copies."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import structlog

log = structlog.get_logger("assets.eviction")

# A sweep goes down to this share of the limit, so that it is not due again with the next file.
LOW_WATER = 0.9
# A sweep lists the whole folder, so it comes once per this share of the limit written.
SWEEP_SHARE = 0.02


class Evictor:
    """Removes the least recently used files once enough has been written; one process sweeps at a time.

    A file that somebody holds with a shared lock is about to be opened by its name, and stays.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._written_since = max_bytes  # what an earlier run left is looked at with the first write
        self._lock = threading.Lock()

    def wrote(self, byte_size: int) -> None:
        with self._lock:
            self._written_since += byte_size
            if self._written_since < self._max_bytes * SWEEP_SHARE:
                return
            self._written_since = 0
        threading.Thread(target=self.sweep, name="imgopt-evict", daemon=True).start()

    def sweep(self) -> int:
        """This will remove files until the folder is below its low water mark, and give the bytes removed."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / ".sweep.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return 0
            return self._remove_oldest()

    def _remove_oldest(self) -> int:
        files = sorted(_files(self._folder))
        total = sum(size for _, size, _ in files)
        removed = 0
        if total > self._max_bytes:
            for _, size, path in files:
                if _is_removed(path):
                    removed += size
                if total - removed <= self._max_bytes * LOW_WATER:
                    break
            log.info("evicted", folder=self._folder.name, removed_bytes=removed, kept_bytes=total - removed)
        return removed


def _is_removed(path: str) -> bool:
    try:
        with Path(path).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            Path(path).unlink()
    except FileNotFoundError:  # purged while we look
        return True
    except BlockingIOError:
        return False
    return True


def _files(folder: Path) -> Iterator[tuple[float, int, str]]:
    """This will give time of last use, size and path of every file."""
    stack = [str(folder)]
    while stack:
        try:
            with os.scandir(stack.pop()) as listing:
                for item in listing:
                    if item.is_dir(follow_symlinks=False):
                        stack.append(item.path)
                    elif not item.name.startswith("."):
                        facts = item.stat(follow_symlinks=False)
                        yield max(facts.st_mtime, facts.st_atime), facts.st_size, item.path
        except FileNotFoundError:
            continue  # purged while we look
