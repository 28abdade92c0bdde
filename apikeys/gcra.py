"""How many calls in how much time: the generic cell rate algorithm (ITU-T I.371), as whole-number arithmetic.

A bucket is one number, the theoretical arrival time: the moment at which it will be full again. Each admitted call
moves it on by one interval (1 / rate); a call is refused when that would lead further than `burst` intervals ahead of
now. So in any span of time admitted ≤ burst + rate × seconds, without a window that resets.

Times are whole nanoseconds: a float that counts seconds since 1970 has steps of 240 ns, and the sums would drift.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

NANO = 1_000_000_000
MIN_RATE = 0.001
MAX_RATE = 1_000_000.0
MAX_BURST = 1_000_000  # at MIN_RATE that is 31 years ahead: it fits the 64 bits of a database column

# No admitted call leads beyond the horizon of its limit. A bucket that stands further ahead was filled before the clock
# was set back or the limit was raised, and without a bound it would stay shut for as long. Small steps of the clock are
# waited for: undoing them would admit more than promised.
CLOCK_SLACK_NS = 60 * NANO


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """`rate` calls a second in the long run, up to `burst` of them at once."""

    rate: float
    burst: int

    def __post_init__(self) -> None:
        if not MIN_RATE <= self.rate <= MAX_RATE:  # NaN fails this too
            raise ValueError(f"Expected {MIN_RATE} to {MAX_RATE:.0f} calls a second for rate, received {self.rate!r}.")
        if not 1 <= self.burst <= MAX_BURST:
            raise ValueError(f"Expected 1 to {MAX_BURST} calls for burst, received {self.burst!r}.")

    @property
    def interval_ns(self) -> int:
        """Rounded up: never more than `rate`."""
        return math.ceil(NANO / self.rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    full_at_ns: int
    """What to remember of the bucket, whether admitted or not."""
    wait_ns: int
    """0 when admitted."""


def decide(limit: Limit, full_at_ns: int | None, now_ns: int) -> Decision:
    """This will admit one call, or say how long it has to wait. A bucket never heard of is full.

    >>> decide(Limit(rate=2, burst=1), None, 0)
    Decision(full_at_ns=500000000, wait_ns=0)
    >>> decide(Limit(rate=2, burst=1), 500000000, 100000000)
    Decision(full_at_ns=500000000, wait_ns=400000000)
    """
    interval, horizon = limit.interval_ns, limit.interval_ns * limit.burst
    start = now_ns if full_at_ns is None else max(full_at_ns, now_ns)
    if start > now_ns + horizon + CLOCK_SLACK_NS:
        start = now_ns + horizon
    wait = start + interval - horizon - now_ns
    if wait > 0:
        return Decision(full_at_ns=start if full_at_ns is None else min(start, full_at_ns), wait_ns=wait)
    return Decision(full_at_ns=start + interval, wait_ns=0)
