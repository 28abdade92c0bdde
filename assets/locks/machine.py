"""Locks among the processes of a machine: on files, let go of by the kernel when a process dies."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog

from pipeline.errors import Busy

log = structlog.get_logger("assets.locks")

# A waiting process looks again this often: often enough not to be felt, seldom enough to cost nothing.
FIRST_POLL_SECONDS = 0.002
LAST_POLL_SECONDS = 0.02
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


@contextmanager
def machine_lock(path: Path, wait_seconds: float) -> Iterator[None]:
    """This will hold an exclusive lock on a file of this name, which is there only while somebody holds or wants it.

    `flock`, because a lock of `lockf` belongs to the process, not to the open file: with it 200 requests for one
    variant made 25 renders. The kernel lets go of it when the process dies.
    """
    try:
        descriptor = _lock_file(path, wait_seconds)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        # Making it twice is better than not at all: what is made goes to memory and to the client.
        log.warning("no lock, the disk is full", path=str(path))
        descriptor = None
    try:
        yield
    finally:
        if descriptor is not None:
            # Whether or not the name can be removed (a disk may have become read-only), the lock is let go of: with the
            # descriptor left open nobody would ever get it again. The name is pruned later.
            try:
                with suppress(OSError):
                    path.unlink()
            finally:
                os.close(descriptor)


def _lock_file(path: Path, wait_seconds: float) -> int:
    """This will give the descriptor of the locked file, or raise `Busy` after `wait_seconds`."""
    give_up_at = time.monotonic() + wait_seconds
    pause = FIRST_POLL_SECONDS
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:  # the folder is not there yet
            path.parent.mkdir(parents=True, exist_ok=True)
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if is_still(path, descriptor):
                return descriptor
        except BlockingIOError:
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        if time.monotonic() > give_up_at:
            raise Busy("The picture is still being made by another process: try again.")
        time.sleep(pause)
        pause = min(pause * 2, LAST_POLL_SECONDS)


def is_still(path: Path, descriptor: int) -> bool:
    """Whether the file we locked is the one that stands there: its last holder may have removed it meanwhile."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
