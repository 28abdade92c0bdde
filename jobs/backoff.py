"""How long to wait before the next attempt."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Exponential, capped, and jittered: what failed together must not come back together."""

    first_seconds: float = 2.0
    most_seconds: float = 600.0

    def seconds(self, attempts: int, *, rng: random.Random | None = None) -> float:
        """This will give the pause after so many failed attempts: half to one and a half times the nominal one.

        >>> Backoff().seconds(1, rng=random.Random(1)) < Backoff().seconds(8, rng=random.Random(1))
        True
        """
        # 2**64 is more than any cap; beyond it floats would overflow.
        nominal = min(self.most_seconds, self.first_seconds * 2.0 ** min(attempts - 1, 64))
        return nominal * (rng or _RNG).uniform(0.5, 1.5)


_RNG = random.Random()  # noqa: S311  nobody gains by guessing it
