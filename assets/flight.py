"""Single flight: one render or fetch a key at a time, among the threads of a process, the processes of a machine and,
where they share a Redis, the machines."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from assets.locks import Lease
from assets.locks.machine import machine_lock
from pipeline.errors import Busy

if TYPE_CHECKING:
    from assets.locks.shared import SharedLocks

Result = TypeVar("Result")

# Of the time that the others of a machine wait for whoever waits for another machine: the rest is for doing the work
# ourselves, if that one does not come to an end.
SHARED_SHARE = 0.5


class SingleFlight(Generic[Result]):
    """Lets one caller a key do the work; the others of this process wait for its result, or its error."""

    def __init__(self, lock_folder: Path, *, wait_seconds: float, shared: SharedLocks | None = None) -> None:
        """Without `shared` it is single on this machine."""
        self._lock_folder = lock_folder
        self._wait_seconds = wait_seconds
        self._shared = shared
        self._flights: dict[str, Future[Result]] = {}
        self._lock = threading.Lock()

    def run(self, key: str, work: Callable[[], Result], *, personal: tuple[type[Exception], ...] = ()) -> Result:
        """This will do as `lead` does, for work that writes nothing which could overwrite something newer."""
        return self.lead(key, lambda _lease: work(), personal=personal)

    def lead(
        self,
        key: str,
        work: Callable[[Lease], Result],
        *,
        look: Callable[[], Result | None] = lambda: None,
        personal: tuple[type[Exception], ...] = (),
    ) -> Result:
        """This will give what `work` gave to whoever was first, or what `look` finds, which is asked before any lock.

        Among processes the order is kept by locks, so `work` must look first whether another process has left the
        result meanwhile. An error of a `personal` type is the leader's alone: who waited tries anew.

        Raises `Busy` after `wait_seconds`; who has waited for another machine, and half as long, does the work itself.
        """
        while True:
            flight, leads = self._join(key)
            if leads:
                return self._lead(key, flight, work, look)
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

    def _lead(
        self,
        key: str,
        flight: Future[Result],
        work: Callable[[Lease], Result],
        look: Callable[[], Result | None],
    ) -> Result:
        try:
            found = look()
            result = self._work(key, work) if found is None else found
        except BaseException as error:
            self._land(key)
            flight.set_exception(error)
            raise
        self._land(key)
        flight.set_result(result)
        return result

    def _work(self, key: str, work: Callable[[Lease], Result]) -> Result:
        """Of each machine one waits for the others, so that a crowd costs Redis one question at a time."""
        with machine_lock(self._lock_folder / key, self._wait_seconds), self._leased(key) as lease:
            return work(lease)

    @contextmanager
    def _leased(self, key: str) -> Iterator[Lease]:
        if self._shared is None:
            yield Lease(name=key)
            return
        lease = self._shared.acquire(key, self._wait_seconds * SHARED_SHARE)
        try:
            yield lease
        finally:
            self._shared.release(lease)

    def _land(self, key: str) -> None:
        """Before its result is known, so that nobody joins a flight that is over."""
        with self._lock:
            del self._flights[key]
