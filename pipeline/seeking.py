"""Which quality to try next, and when to stop: arithmetic on forecasts, no pixels.

A trial cuts the qualities left in two, at the point where either outcome is about as likely by the forecast; so a
curve that is as expected takes three trials, of which the last two are neighbours: one meets the target and the one
below does not. Two things are added. As long as nothing has failed (or met) yet, the cut is put where it more likely
does, for a forecast is surest between two known points. And no cut may leave more than bisection could finish with the
trials that are left; an outcome that is improbable may leave twice as much, and then the answer may be a step too high.

Curves are not strictly monotone: where the forecast finds it likely enough that a still lower quality meets the
target, that is tried as well, as long as trials are to spare.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from pipeline.curves import QUALITIES, Forecast, Values

MOST_TRIALS: Final = 8
SPARE_TRIALS: Final = 6
"""Up to so many altogether a lower quality than the one found is looked for."""

_EVEN: Final = 0.5
_TO_FAIL: Final = 0.35
_TO_MEET: Final = 0.65
"""How likely a trial should meet the target: where there is one that does and one that does not; where none has failed
yet; where none has met it yet."""
_CAUTION: Final = 1.35
"""By how much forecasts are surer of themselves than they should be."""
_SURPRISE: Final = 0.02
"""How often they are wrong altogether: drawings are no photographs."""
_RARE: Final = 0.05
_REACH: Final = 6
_WORTH_A_LOOK: Final = 0.15


class Seeker:
    """Looks for the lowest quality that meets every demand, told after each trial what came of it."""

    def __init__(
        self,
        forecast: Forecast,
        aim: Mapping[str, float],
        steps: Sequence[int],
        *,
        top: int = 100,
        most: int = MOST_TRIALS,
    ) -> None:
        """`aim` has the least value of each figure in a forecast's terms; the forecast is of the one named `ssim`.

        `steps` are the qualities at which files change, in rising order from 1.
        """
        self._aim = aim
        self._forecasts = {"ssim": forecast}
        self._steps, self._top, self._most = steps, top, most
        self._tried: dict[int, bool] = {}
        """By the first quality of each step."""
        self._failing, self._meeting = 0, top + 1

    def predicted(self, chance: float) -> int:
        """This will give the lowest quality that meets the demands with that chance or a better one."""
        enough = np.flatnonzero(self._chances()[1 : self._top + 1] >= chance)
        return int(enough[0]) + 1 if len(enough) else self._top

    def next(self) -> int | None:
        """This will give the quality to try; None: no more."""
        if len(self._tried) >= self._most:
            return None
        if self._meeting - self._failing > 1:
            return self._cut()
        if not 1 < self._meeting <= self._top:
            return None
        if self._first(self._meeting - 1) not in self._tried:
            return self._meeting - 1
        return self._look_below()

    def tell(self, quality: int, meets: bool, values: Mapping[str, float]) -> None:
        """This will take in a trial: whether it meets all demands, and those of their figures that were measured."""
        first = self._first(quality)
        self._tried[first] = meets
        for name, value in values.items():
            if name in self._forecasts:
                self._forecasts[name].observe(quality, value)
            else:
                self._forecasts[name] = self._forecasts["ssim"].parallel(quality, value)
        if meets:
            self._meeting = min(self._meeting, first)
        elif quality < self._meeting:
            self._failing = max(self._failing, min(self._last(quality), self._meeting - 1))

    @property
    def found(self) -> int | None:
        """The lowest quality that met the demands so far; the file of its step was tried."""
        return self._meeting if self._meeting <= self._top else None

    def _cut(self) -> int:
        chances = self._chances()
        low, high = self._failing, self._meeting
        share = (chances - chances[low]) / max(chances[high] - chances[low], 1e-9)
        left = 2 ** (self._most - len(self._tried) - 1)
        doubled = 1 if high > self._top or high - low > 2 * left else 2

        def leaves_enough(quality: int) -> bool:
            may_meet = left * (doubled if share[quality] < _RARE else 1)
            may_fail = left * (doubled if share[quality] > 1 - _RARE else 1)
            return bool(quality - low <= may_meet and high - quality <= may_fail)

        places = [quality for quality in range(low + 1, min(high, self._top + 1)) if leaves_enough(quality)]
        wanted = _EVEN
        if self._tried and low == 0:
            wanted = _TO_FAIL
        elif self._tried and high > self._top:
            wanted = _TO_MEET
        return min(places or [(low + high) // 2], key=lambda quality: abs(share[quality] - wanted))

    def _look_below(self) -> int | None:
        if len(self._tried) >= SPARE_TRIALS:
            return None
        places = range(max(1, self._meeting - _REACH), self._meeting)
        chances = {place: self._raw()[place - 1] for place in places if self._first(place) not in self._tried}
        best = max(chances, key=lambda place: chances[place], default=None)
        return best if best is not None and chances[best] >= _WORTH_A_LOOK else None

    def _chances(self) -> Values:
        """The chance that the lowest quality is at or below 0, 1, …, top + 1."""
        sure = np.maximum.accumulate(self._raw()) * (1 - _SURPRISE) + QUALITIES / 100 * _SURPRISE
        return np.concatenate([[0.0], sure[: self._top], [1.0]])

    def _raw(self) -> Values:
        """The chance of each quality that it meets all demands; where one figure is low, the others are."""
        each = [
            _normal((forecast.means - self._aim[name]) / (forecast.deviations * _CAUTION))
            for name, forecast in self._forecasts.items()
        ]
        lowest: Values = np.minimum.reduce(each)
        return lowest

    def _first(self, quality: int) -> int:
        return self._steps[bisect_right(self._steps, quality) - 1]

    def _last(self, quality: int) -> int:
        place = bisect_right(self._steps, quality)
        return self._steps[place] - 1 if place < len(self._steps) else self._top


def _normal(values: Values) -> Values:
    return np.array([0.5 * (1 + math.erf(value / math.sqrt(2))) for value in values])
