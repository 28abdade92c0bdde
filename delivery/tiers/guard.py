"""A broken tier does not break the answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import structlog

from assets.locks import Lease
from delivery import counters
from delivery.breaker import Breaker
from delivery.entry import Entry
from delivery.tiers import Tier
from delivery.variants import VariantKey
from pipeline import spans

log = structlog.get_logger("delivery.tiers")
Result = TypeVar("Result")

MAX_ERRORS = 3
WINDOW_SECONDS = 60.0
REST_SECONDS = 20.0


class Guarded:
    """A tier whose errors are misses, and which is left alone for a while after three of them in a minute."""

    def __init__(
        self,
        tier: Tier,
        *,
        resting: type[Exception] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`resting`: what something beneath it raises which has a breaker of its own, and counts there."""
        self.name = tier.name
        self.tier = tier
        self._resting = () if resting is None else (resting,)
        self._breaker = (
            Breaker(
                tier.name,
                max_failures=MAX_ERRORS,
                window_seconds=WINDOW_SECONDS,
                rest_seconds=REST_SECONDS,
                clock=clock,
            )
            if resting is None
            else None
        )

    def get(self, key: VariantKey) -> Entry | None:
        return self._try("get", lambda: self.tier.get(key), None)

    def put(self, key: VariantKey, entry: Entry, lease: Lease | None = None) -> None:
        self._try("put", lambda: self.tier.put(key, entry, lease), None)

    def purge(self, *digests: str) -> None:
        """A purge is tried even while the tier rests: keeping stale pictures is worse than a slow call."""
        self._try("purge", lambda: self.tier.purge(*digests), None, always=True)

    @property
    def is_resting(self) -> bool:
        return self._breaker is not None and self._breaker.is_resting

    def _try(self, what: str, call: Callable[[], Result], otherwise: Result, *, always: bool = False) -> Result:
        breaker = self._breaker
        if breaker is not None and not always and not breaker.admits():
            return otherwise
        try:
            with spans.span(f"tier {self.name} {what}"):
                result = call()
        except self._resting:
            return otherwise
        except Exception as error:
            log.warning("tier failed", tier=self.name, call=what, error=repr(error)[:200])
            counters.TIER_ERRORS.labels(self.name, what).inc()
            if breaker is not None:
                breaker.failed()
            return otherwise
        if breaker is not None and not always:
            breaker.succeeded()
        return result
