"""How long a final will take here: what the pipeline estimates, times what this process has seen become of estimates.

Decoding and the wait for a place are no part of the estimate, but of what is measured, and so of the ratio.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Final

from delivery.variants import VariantRequest, pixels_of
from pipeline import cost
from pipeline.request import Effort
from pipeline.spec import Format

NEWEST_SHARE: Final = 0.25
"""Of one more measurement in the running figure."""
MOST: Final = 8.0
"""No ratio is believed beyond this, nor below its inverse."""
HALF_LIFE_SECONDS: Final = 300.0
"""A busy hour must not have every picture drafted for ever: where drafts answer, no final is measured any more."""


class Pace:
    """Running ratios of measured to estimated time, by format and effort; 1 where nothing was measured."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[tuple[Format, Effort], tuple[float, float]] = {}
        self._lock = threading.Lock()

    def ratio(self, kind: Format, effort: Effort) -> float:
        return math.exp(self._now(kind, effort))

    def note(self, kind: Format, effort: Effort, *, estimated: float, measured: float) -> None:
        if estimated <= 0 or measured <= 0:
            return
        seen = math.log(min(MOST, max(1 / MOST, measured / estimated)))
        with self._lock:
            mean = self._now(kind, effort)
            self._seen[kind, effort] = mean + NEWEST_SHARE * (seen - mean), self._clock()

    def clear(self) -> None:
        with self._lock:
            self._seen.clear()

    def _now(self, kind: Format, effort: Effort) -> float:
        """Logarithms, of which twice as long and half as long have the mean of neither."""
        mean, at = self._seen.get((kind, effort), (0.0, 0.0))
        return mean * math.pow(0.5, (self._clock() - at) / HALF_LIFE_SECONDS)


PACE: Final = Pace()


def estimated_seconds(request: VariantRequest) -> float:
    """This will say how long the final would take on the machine that the constants were measured on.

    Formats that have still to be compared are all made; two children write them at once, which the ratio will tell.
    """
    megapixels = pixels_of(request) / 1e6
    kinds = request.rivals or (request.render.format,)
    return sum(cost.estimated_seconds(kind, "full", megapixels) for kind in kinds)
