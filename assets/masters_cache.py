"""Copies of masters on this machine's disk, so that a burst of widths fetches the master once.

Named by their digest, they can be neither stale nor another's: a copy is hashed when it comes, and again when a
process opens it for the first time. Where there is no room for copies, the bytes themselves are given.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import IO, Any, Final

import structlog
from django.conf import settings

from assets.eviction import Evictor
from assets.flight import SingleFlight
from assets.signals import copy_damaged
from assets.verified import VERIFIED, WrongBytes

log = structlog.get_logger("assets.masters_cache")

FOLDER: Final = "masters-cache"
NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)
LARGEST_SHARE: Final = 4
"""One master may take this share of the cache; a larger one is not kept."""

Fetch = Callable[[IO[bytes]], str]
"""Writes a master into a file and gives its SHA-256."""


class HeldPath(str):
    """A path that eviction leaves alone as long as this object lives. To a render child it goes as a plain text."""

    _held: IO[bytes]

    def __new__(cls, path: Path, held: IO[bytes]) -> HeldPath:
        made = super().__new__(cls, path)
        made._held = held
        return made

    def __reduce__(self) -> Any:
        return str, (str(self),)

    def __del__(self) -> None:
        self._held.close()


def hold(path: Path) -> IO[bytes]:
    """This will raise `FileNotFoundError` where the file went before it could be held."""
    file = path.open("rb")
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(file.fileno()), path.stat()):
            raise FileNotFoundError(path)
    except BaseException as error:
        file.close()
        if isinstance(error, BlockingIOError):  # it is being evicted
            raise FileNotFoundError(path) from error
        raise
    return file


class MastersCache:
    """A byte-bounded LRU of files. `get` is single flight among the threads and processes of the machine."""

    def __init__(self, folder: Path, max_bytes: int, flight: SingleFlight[str | bytes]) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._flight = flight
        self._evictor = Evictor(folder, max_bytes)

    def get(self, digest: str, byte_size: int, fetch: Fetch) -> str | bytes:
        """This will give the path of a master's copy, or its bytes where no copy can be kept.

        `fetch` is called unless there is a copy. Raises `WrongBytes` where what comes is not the master.
        """
        found = self._find(digest, byte_size)
        if found is not None:
            return found
        return self._flight.run(
            f"{digest}.master", lambda: self._find(digest, byte_size) or self._fetch(digest, byte_size, fetch)
        )

    def forget(self, digest: str) -> None:
        self._path(digest).unlink(missing_ok=True)

    def _find(self, digest: str, byte_size: int) -> HeldPath | None:
        path = self._path(digest)
        try:
            held = HeldPath(path, hold(path))
            VERIFIED.check(path, digest, byte_size)
            _note_use(path)
        except FileNotFoundError:
            return None
        except WrongBytes:
            log.warning("copy damaged", digest=digest)
            copy_damaged.send(sender=MastersCache, digest=digest)
            path.unlink(missing_ok=True)
            return None
        except OSError as error:  # a disk that fails is no worse than one that is full
            log.warning("copy unreadable", digest=digest, error=repr(error)[:200])
            return None
        return held

    def _fetch(self, digest: str, byte_size: int, fetch: Fetch) -> str | bytes:
        if byte_size * LARGEST_SHARE > self._max_bytes:
            return fetched(digest, fetch)
        try:
            held = self._kept(digest, fetch)
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            log.warning("no copy of the master, the disk is full", digest=digest)
            return fetched(digest, fetch)
        self._evictor.wrote(byte_size)
        return held

    def _kept(self, digest: str, fetch: Fetch) -> HeldPath:
        path = self._path(digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{secrets.token_hex(8)}.part")
        try:
            with temporary.open("xb") as file:
                came = fetch(file)
            if came != digest:
                raise WrongBytes(digest)
            VERIFIED.note(temporary, digest)
            held = hold(temporary)  # before anybody can evict it
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return HeldPath(path, held)

    def _path(self, digest: str) -> Path:
        return self._folder / digest[:2] / digest


def _note_use(path: Path) -> None:
    """Eviction goes by it; the time of change stays, for by that a file is known again as the one that was hashed."""
    os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))


def fetched(digest: str, fetch: Fetch) -> bytes:
    """This will give a master's bytes by way of no disk."""
    with tempfile.SpooledTemporaryFile(max_size=1 << 40) as file:
        if fetch(file) != digest:
            raise WrongBytes(digest)
        file.seek(0)
        return file.read()


def masters_cache() -> MastersCache | None:
    """This will give the cache of this machine; `None`: it has none by its settings."""
    megabytes = settings.CONFIG.masters_cache_mb
    return _cache(settings.IMGOPT_DATA_DIR, megabytes) if megabytes else None


def forget_copy(digest: str) -> None:
    """This will remove this machine's copy of a master that is gone."""
    if (found := masters_cache()) is not None:
        found.forget(digest)


@cache
def _cache(data_dir: Path, megabytes: int) -> MastersCache:
    wait_seconds = settings.CONFIG.s3_timeout_seconds * 4
    flight: SingleFlight[str | bytes] = SingleFlight(data_dir / "locks", wait_seconds=wait_seconds)
    return MastersCache(data_dir / FOLDER, megabytes * 1_000_000, flight)
