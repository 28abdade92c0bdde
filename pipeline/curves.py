"""What SSIM a quality will have, before it is tried.

Curves of SSIM over quality are much alike where they are drawn as -log(1 - SSIM): over 44 pictures (22 photographs at
480 and at 800 px) two components explain 99 % of how they differ from their mean. So a curve is taken for a draw from
a normal distribution, with that mean and those components (`pipeline.curve_table`), and each trial narrows it down: a
Gaussian process (Rasmussen, Williams: "Gaussian Processes for Machine Learning", 2006, chapter 2). It only says where
to try next; what is decided, is measured.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.curve_table import KNOTS, TABLES
from pipeline.request import Effort, Prior
from pipeline.spec import Format

Values = NDArray[np.float64]

QUALITIES: Final = np.arange(1, 101)

_ROUGHNESS: Final = 0.012
"""Standard deviation of one quality against its neighbours: what a curve has of dips and steps of its own."""
_ROUGHNESS_OF_OTHERS: Final = 0.03
"""The same of figures that hang on one tile, or on the farthest hundredth of the colours."""
_WAVES: Final = 0.06
"""The same of what two components leave over; it keeps over about six qualities."""
_WAVE_LENGTH: Final = 6.0
_OWN_SHARE: Final = 0.4
_OWN_WAVES: Final = 0.3
"""How much of what may differ between two pictures may differ between two widths of one: components, and the rest."""
_MOST_ALIKE: Final = 1e-6
"""Nearer to 1 no SSIM is told apart."""


def likeness(similarity: float) -> float:
    """This will give -log(1 - SSIM), in which curves are nearly straight.

    >>> round(likeness(0.99), 3), round(likeness(0.95), 3)
    (4.605, 2.996)
    """
    return -math.log(max(1 - similarity, _MOST_ALIKE))


class Forecast:
    """A curve's likely course: a mean and a deviation for each quality from 1 to 100."""

    def __init__(self, means: Values, covariance: Values, *, roughness: float = _ROUGHNESS) -> None:
        self._prior, self._covariance, self._roughness = means, covariance, roughness
        self._tried: list[int] = []
        self._found: list[float] = []
        self._work_out()

    def observe(self, quality: int, value: float) -> None:
        self._tried.append(quality - 1)
        self._found.append(value)
        self._work_out()

    def parallel(self, quality: int, value: float) -> Forecast:
        """This will give the course of another figure of the same files, of which one value is known."""
        means = self.means + (value - self.means[quality - 1])
        covariance = (self._covariance - _waves()) * _OWN_SHARE**2 + _waves()
        return Forecast(means, covariance, roughness=_ROUGHNESS_OF_OTHERS)

    def _work_out(self) -> None:
        known = self._tried
        noise = self._roughness**2
        if not known:
            self.means = self._prior
            self.deviations = np.sqrt(np.diag(self._covariance) + noise)
            return
        across = self._covariance[:, known]
        weights = np.linalg.solve(across[known] + noise * np.eye(len(known)), across.T)
        self.means = self._prior + (np.array(self._found) - self._prior[known]) @ weights
        left = np.diag(self._covariance) - np.einsum("ij,ji->i", across, weights)
        self.deviations = np.sqrt(np.maximum(left, 0) + noise)


def forecast(output_format: Format, effort: Effort, prior: Prior | None) -> Forecast:
    """This will say what is to be expected of a picture of which nothing was tried yet.

    Raises KeyError for a format without qualities.
    """
    means, covariance = _general(output_format, effort)
    if prior is None or not prior.points:
        return Forecast(means, covariance)
    learnt = Forecast(means, covariance)
    for quality, similarity in prior.points:
        learnt.observe(quality, likeness(similarity))
    return Forecast(learnt.means, _covariance_of_widths(covariance) if prior.is_own else covariance)


@cache
def _general(output_format: Format, effort: Effort) -> tuple[Values, Values]:
    means, components = TABLES.get((output_format, effort)) or TABLES[output_format, "quick"]
    spread = np.array([np.interp(QUALITIES, KNOTS, component) for component in components]) / 100
    return np.array(means) / 1000, spread.T @ spread + _waves()


def _covariance_of_widths(covariance: Values) -> Values:
    return (covariance - _waves()) * _OWN_SHARE**2 + _waves() * _OWN_WAVES**2


@cache
def _waves() -> Values:
    apart = (QUALITIES[:, np.newaxis] - QUALITIES) / _WAVE_LENGTH
    waves: Values = _WAVES**2 * np.exp(-(apart**2) / 2)
    return waves
