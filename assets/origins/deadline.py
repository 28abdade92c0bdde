"""One time limit for all of a fetch, however slowly its pieces come."""

from __future__ import annotations

import time
from collections.abc import Callable

from assets.origins.errors import OriginTimeout


class Deadline:
    def __init__(self, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at = clock() + seconds

    def left(self) -> float:
        """This will give the seconds that are left, or raise `OriginTimeout`."""
        left = self._at - self._clock()
        if left <= 0:
            raise OriginTimeout
        return left
