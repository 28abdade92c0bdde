"""The database backend: Django's own, with a breaker before new connections.

While PostgreSQL refuses, a pool lets everybody wait for it until their time is over; two seconds for each of two
hundred requests are all places of a server. So after one has waited in vain, only one a second tries again.

Whoever waited in vain because all connections were at work has found nothing out: PostgreSQL is asked past the pool.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from django.db import OperationalError
from django.db.backends.postgresql import base
from django.db.utils import DatabaseError, InterfaceError
from psycopg_pool import PoolTimeout

REST_SECONDS = 1.0


class Breaker:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._is_away = False
        self._rests_until = 0.0
        self._lock = threading.Lock()

    def check(self) -> bool:
        """This will raise `OperationalError` while the database is left alone, and say whether it is to be tried."""
        with self._lock:
            if not self._is_away:
                return False
            now = self._clock()
            if now < self._rests_until:
                raise OperationalError("The database did not answer a moment ago.")
            self._rests_until = now + REST_SECONDS  # for everybody else: this one tries
            return True

    def failed(self) -> None:
        with self._lock:
            self._is_away, self._rests_until = True, self._clock() + REST_SECONDS

    def succeeded(self) -> None:
        self._is_away = False


BREAKER = Breaker()
ASKING = threading.Lock()


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        is_trial = BREAKER.check()
        try:
            if is_trial:  # past the pool, which would wait where this is refused at once
                self._ask(conn_params)
            connection = super().get_new_connection(conn_params)
        except PoolTimeout:
            self._ask_why(conn_params)
            raise
        except (DatabaseError, InterfaceError, self.Database.Error):
            BREAKER.failed()
            raise
        BREAKER.succeeded()
        return connection

    def _ask(self, conn_params: dict[str, Any]) -> None:
        self.Database.connect(**conn_params).close()
        BREAKER.succeeded()

    def _ask_why(self, conn_params: dict[str, Any]) -> None:
        """One of all who waited asks, for a database that hangs is as slow to refuse as the pool."""
        if not ASKING.acquire(blocking=False):
            return
        try:
            self._ask(conn_params)
        except self.Database.Error:
            BREAKER.failed()
        finally:
            ASKING.release()
