"""Single flight: one render a key at a time, among the threads of a process and the processes of a machine."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

from pipeline.errors import Busy

Result = TypeVar("Result")

# A waiting process looks again this often: often enough not to be felt, seldom enough to cost nothing.
FIRST_POLL_SECONDS = 0.002
LAST_POLL_SECONDS = 0.02


class SingleFlight(Generic[Result]):
    """Lets one caller a key do the work; the others of this process wait for its result, or its error."""

    def __init__(self, lock_folder: Path, *, wait_seconds: float) -> None:
        self._lock_folder = lock_folder
        self._wait_seconds = wait_seconds
        self._flights: dict[str, Future[Result]] = {}
        self._lock = threading.Lock()

    def run(self, key: str, work: Callable[[], Result]) -> Result:
        """This will give what `work` gave to whoever was first.

        Among processes the order is kept by a lock on a file, so `work` must look first whether another process
        has left the result meanwhile. Raises `Busy` after `wait_seconds`.
        """
        with self._lock:
            flight = self._flights.get(key)
            leads = flight is None
            if flight is None:
                flight = self._flights[key] = Future()
        if not leads:
            return self._wait(flight)
        try:
            with machine_lock(self._lock_folder / key, self._wait_seconds):
                result = work()
        except BaseException as error:
            flight.set_exception(error)
            raise
        else:
            flight.set_result(result)
            return result
        finally:
            with self._lock:
                del self._flights[key]

    def _wait(self, flight: Future[Result]) -> Result:
        try:
            return flight.result(self._wait_seconds)
        except TimeoutError as error:
            if flight.done():
                raise
            raise Busy("The variant is still being rendered: try again.") from error


@contextmanager
def machine_lock(path: Path, wait_seconds: float) -> Iterator[None]:
    """This will hold an exclusive lock on a file of this name, which is there only while somebody holds or wants it.

    `flock`, because a lock of `lockf` belongs to the process, not to the open file: with it 200 requests for one
    variant made 25 renders. The kernel lets go of it when the process dies.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    give_up_at = time.monotonic() + wait_seconds
    pause = FIRST_POLL_SECONDS
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_still(path, descriptor):
                break
        except BlockingIOError:
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        if time.monotonic() > give_up_at:
            raise Busy("The variant is still being rendered by another process: try again.")
        time.sleep(pause)
        pause = min(pause * 2, LAST_POLL_SECONDS)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _is_still(path: Path, descriptor: int) -> bool:
    """Whether the file we locked is the one that stands there: its last holder may have removed it meanwhile."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
