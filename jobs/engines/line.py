"""The line to the broker for all that is not consuming.

What is said on it is said in a thread of its own, so nobody waits longer than he will, whatever hangs there: a
connection, a name server, a library's retries.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Generic, TypeVar

import structlog
from kombu import Connection

log = structlog.get_logger("jobs.line")

Result = TypeVar("Result")

REST_SECONDS = 2.0
"""After a failure the broker is left alone for so long."""


class BrokerAway(Exception):
    """It did not answer, not in time, or it is left alone after a failure."""


class _Call(Generic[Result]):
    def __init__(self, function: Callable[[Connection], Result], give_up_at: float) -> None:
        self.function = function
        self.give_up_at = give_up_at
        self.done = threading.Event()
        self.result: Result | None = None
        self.error: Exception | None = BrokerAway("No answer in time.")


class Line:
    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._rest_until = 0.0
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._calls: SimpleQueue[_Call[object]] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._connection: Connection | None = None
        self._late: _Call[object] | None = None

    @property
    def is_left_alone(self) -> bool:
        """It failed just now, or somebody's call still hangs."""
        return time.monotonic() < self._rest_until or (self._late is not None and not self._late.done.is_set())

    def call(self, function: Callable[[Connection], Result], *, seconds: float) -> Result:
        """This will give what `function` makes of the connection, or raise `BrokerAway` after so many seconds.

        A function that is late may still be at it; others are not kept waiting for it.
        """
        if self.is_left_alone:
            raise BrokerAway("It is left alone for now.")
        call = _Call(function, time.monotonic() + seconds)
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="imgopt-broker", daemon=True)
                self._thread.start()
        self._calls.put(call)  # type: ignore[arg-type]
        if not call.done.wait(seconds):
            self._late = call  # type: ignore[assignment]
            self._rest("no answer in time")
        if call.error is not None:
            raise BrokerAway(repr(call.error)[:200]) from call.error
        return call.result  # type: ignore[return-value]

    def _work(self) -> None:
        while True:
            call = self._calls.get()
            if time.monotonic() < call.give_up_at:
                try:
                    call.result, call.error = self._answer(call), None
                except Exception as error:
                    call.error = error
                    self._rest(repr(error)[:200])
            call.done.set()

    def _answer(self, call: _Call[object]) -> object:
        """A connection that the broker has closed meanwhile is made anew, once."""
        if self._connection is not None:
            try:
                return call.function(self._connection)
            except Exception as error:
                log.info("line lost", error=repr(error)[:200])
                self._hang_up()
        self._connection = self._connect()
        try:
            return call.function(self._connection)
        except Exception:
            self._hang_up()
            raise

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        try:
            if connection is not None:
                connection.collect(socket_timeout=0.1)
        except Exception as error:
            log.info("line not closed", error=repr(error)[:200])

    def _rest(self, why: str) -> None:
        self._rest_until = time.monotonic() + REST_SECONDS
        log.warning("broker away", error=why)
