"""A broken tier does not break the answer."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TypeVar

import structlog

from delivery import counters
from delivery.entry import Entry
from delivery.tiers import Tier
from delivery.variants import VariantKey

log = structlog.get_logger("delivery.tiers")
Result = TypeVar("Result")

MAX_ERRORS = 3
WINDOW_SECONDS = 60.0
REST_SECONDS = 20.0


class Guarded:
    """A tier whose errors are misses, and which is left alone for a while after three of them in a minute."""

    def __init__(self, tier: Tier, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = tier.name
        self.tier = tier
        self._clock = clock
        self._errors: deque[float] = deque(maxlen=MAX_ERRORS)
        self._rests_until = 0.0
        self._lock = threading.Lock()

    def get(self, key: VariantKey) -> Entry | None:
        return self._try("get", lambda: self.tier.get(key), None)

    def put(self, key: VariantKey, entry: Entry) -> None:
        self._try("put", lambda: self.tier.put(key, entry), None)

    def purge(self, *digests: str) -> None:
        """A purge is tried even while the tier rests: keeping stale pictures is worse than a slow call."""
        self._try("purge", lambda: self.tier.purge(*digests), None, always=True)

    @property
    def is_resting(self) -> bool:
        return self._clock() < self._rests_until

    def _try(self, what: str, call: Callable[[], Result], otherwise: Result, *, always: bool = False) -> Result:
        if not always and self.is_resting:
            return otherwise
        try:
            return call()
        except Exception as error:
            log.warning("tier failed", tier=self.name, call=what, error=repr(error)[:200])
            counters.TIER_ERRORS.labels(self.name, what).inc()
            self._count_error()
            return otherwise

    def _count_error(self) -> None:
        now = self._clock()
        with self._lock:
            self._errors.append(now)
            if len(self._errors) == MAX_ERRORS and now - self._errors[0] <= WINDOW_SECONDS:
                self._rests_until = now + REST_SECONDS
                self._errors.clear()
                log.warning("tier rests", tier=self.name, seconds=REST_SECONDS)
