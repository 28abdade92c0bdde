"""Single flight: one render or fetch a key at a time, among the threads of a process and the processes of a machine."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from pipeline.errors import Busy

log = structlog.get_logger("assets.flight")

Result = TypeVar("Result")

# A waiting process looks again this often: often enough not to be felt, seldom enough to cost nothing.
FIRST_POLL_SECONDS = 0.002
LAST_POLL_SECONDS = 0.02
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class SingleFlight(Generic[Result]):
    """Lets one caller a key do the work; the others of this process wait for its result, or its error."""

    def __init__(self, lock_folder: Path, *, wait_seconds: float) -> None:
        self._lock_folder = lock_folder
        self._wait_seconds = wait_seconds
        self._flights: dict[str, Future[Result]] = {}
        self._lock = threading.Lock()

    def run(self, key: str, work: Callable[[], Result], *, personal: tuple[type[Exception], ...] = ()) -> Result:
        """This will give what `work` gave to whoever was first.

        Among processes the order is kept by a lock on a file, so `work` must look first whether another process
        has left the result meanwhile. An error of a `personal` type is the leader's alone: who waited tries anew.
        Raises `Busy` after `wait_seconds`.
        """
        while True:
            flight, leads = self._join(key)
            if leads:
                return self._lead(key, flight, work)
            wait([flight], self._wait_seconds)
            if not flight.done():
                raise Busy("The picture is still being made: try again.")
            if not isinstance(flight.exception(), personal):
                return flight.result()

    def holding(self, name: str) -> AbstractContextManager[None]:
        """This will keep other threads and processes of the machine out of what is done under this name meanwhile."""
        return machine_lock(self._lock_folder / name, self._wait_seconds)

    def _join(self, key: str) -> tuple[Future[Result], bool]:
        with self._lock:
            flight = self._flights.get(key)
            if flight is not None:
                return flight, False
            flight = self._flights[key] = Future()
            return flight, True

    def _lead(self, key: str, flight: Future[Result], work: Callable[[], Result]) -> Result:
        try:
            with machine_lock(self._lock_folder / key, self._wait_seconds):
                result = work()
        except BaseException as error:
            self._land(key)
            flight.set_exception(error)
            raise
        self._land(key)
        flight.set_result(result)
        return result

    def _land(self, key: str) -> None:
        """Before its result is known, so that nobody joins a flight that is over."""
        with self._lock:
            del self._flights[key]


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
            path.unlink(missing_ok=True)
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
            if _is_still(path, descriptor):
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


def _is_still(path: Path, descriptor: int) -> bool:
    """Whether the file we locked is the one that stands there: its last holder may have removed it meanwhile."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
