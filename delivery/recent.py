"""Masters as they were a moment ago, so that a burst of widths asks the database once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog
from django.db import InterfaceError, OperationalError

from assets.masters import get_master
from assets.models import Master

log = structlog.get_logger("delivery.recent")

# As long as the pulse: nothing is known for longer than a purge takes to arrive.
KEEP_SECONDS = 2.0
MAX_MASTERS = 10_000
SLOW_SECONDS = 1.0
"""A look-up takes two milliseconds; whoever has one that takes so long has met a database that hangs."""


class RecentMasters:
    """Finds masters like `assets.masters.get_master`, which costs two milliseconds, the most of a cold answer that is
    not rendering. Purges make it forget, and a look-up that began before a purge is not remembered."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._found: dict[str, tuple[Master, float]] = {}
        self._asking: dict[object, tuple[str, float]] = {}
        self._generation = 0
        self._lock = threading.Lock()

    def get(self, reference: str, *, revision: int = 0) -> Master:
        """This will ask the database where the master known is older than `revision`: a URL that was signed after
        a change must not be answered with what was there before.

        While the database is away, or hangs, a master that was known goes on being what it was, so that what lies in
        Redis or in storage is still delivered.
        """
        now = self._clock()
        known = self._found.get(reference)
        if known is not None and known[0].revision < revision:
            known = None
        if known is not None and (now < known[1] or self._is_being_asked(reference, now)):
            return known[0]
        generation, ticket = self._generation, object()
        self._asking[ticket] = (reference, now)
        try:
            master = get_master(reference)
        except (OperationalError, InterfaceError) as error:
            if known is None:
                raise
            log.warning("database away, master as it was known", reference=reference, error=repr(error)[:200])
            return known[0]
        finally:
            del self._asking[ticket]
        with self._lock:
            if generation == self._generation:
                if len(self._found) >= MAX_MASTERS:
                    self._found.clear()
                self._found[reference] = (master, now + KEEP_SECONDS)
        return master

    def _is_being_asked(self, reference: str, now: float) -> bool:
        """Whether somebody asks for this one at the moment, or has waited for another one for too long."""
        return any(asked == reference or now - since > SLOW_SECONDS for asked, since in tuple(self._asking.values()))

    def forget(self) -> None:
        with self._lock:
            self._generation += 1
            self._found.clear()


RECENT = RecentMasters()
