"""Files that were hashed once by this process: another look costs one `stat`, until the file is another one."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Final

MOST: Final = 20_000


class WrongBytes(Exception):
    """These are not the bytes that the digest is of."""


class Verified:
    """Remembers by digest which file had it. SHA-256 of 3.5 MB takes 2 ms; a render takes tens of them."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, tuple[int, int, int, int]] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, path: Path, digest: str, byte_size: int) -> None:
        """This will return if a file has these bytes, or raise `WrongBytes` or `FileNotFoundError`."""
        mark = _mark(path)
        if self._seen.get(digest) == mark:
            return
        if mark[2] != byte_size:
            raise WrongBytes(digest)
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                raise WrongBytes(digest)
        self._remember(digest, mark)

    def note(self, path: Path, digest: str) -> None:
        """This will take it for granted that a file has these bytes: they were hashed as they came."""
        self._remember(digest, _mark(path))

    def _remember(self, digest: str, mark: tuple[int, int, int, int]) -> None:
        with self._lock:
            self._seen[digest] = mark
            self._seen.move_to_end(digest)
            if len(self._seen) > MOST:
                self._seen.popitem(last=False)


def _mark(path: Path) -> tuple[int, int, int, int]:
    """By the time of change of the contents; that of the file's facts (`st_ctime`) changes with every mark of use."""
    facts = path.stat()
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns


VERIFIED = Verified()
