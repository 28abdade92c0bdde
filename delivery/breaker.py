"""A breaker: what fails again and again is left alone for a while, then one call tries whether it is well."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

import structlog

log = structlog.get_logger("delivery.breaker")


class Breaker:
    """Opens after so many failures within a window, and lets one call through after each rest.

    if breaker.admits():
        try: …; breaker.succeeded()
        except …: breaker.failed()
    """

    def __init__(
        self,
        name: str,
        *,
        max_failures: int,
        window_seconds: float,
        rest_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._window_seconds = window_seconds
        self._rest_seconds = rest_seconds
        self._clock = clock
        self._failures: deque[float] = deque(maxlen=max_failures)
        self._rests_until: float | None = None
        self._lock = threading.Lock()
        self.troubled_at: float | None = None
        """When the first failure was that `settle` has not been told of, in seconds since 1970."""

    @property
    def is_resting(self) -> bool:
        return self._rests_until is not None

    def admits(self) -> bool:
        """This will say whether a call may be made. After a rest that is the trial: one call at a time."""
        if self._rests_until is None:
            return True
        with self._lock:
            now = self._clock()
            if self._rests_until is not None and now < self._rests_until:
                return False
            if self._rests_until is not None:
                self._rests_until = now + self._rest_seconds  # the next trial, should this one never end
            return True

    def succeeded(self) -> None:
        if self._rests_until is None:
            return
        with self._lock:
            self._rests_until = None
            self._failures.clear()
        log.warning("works again", name=self.name)

    def failed(self) -> None:
        now = self._clock()
        with self._lock:
            self._note_trouble()
            self._failures.append(now)
            if self._rests_until is not None:
                self._rests_until = now + self._rest_seconds
                return
            if len(self._failures) < (self._failures.maxlen or 1) or now - self._failures[0] > self._window_seconds:
                return
            self._rests_until = now + self._rest_seconds
        log.warning("left alone", name=self.name, seconds=self._rest_seconds)

    def troubled(self) -> None:
        """This will note something that did not come to pass, though a call was answered."""
        with self._lock:
            self._note_trouble()

    def settle(self, troubled_at: float) -> None:
        """This will forget the trouble that began then, unless there is a newer one."""
        with self._lock:
            if self.troubled_at == troubled_at:
                self.troubled_at = None

    def _note_trouble(self) -> None:
        if self.troubled_at is None:
            self.troubled_at = time.time()
