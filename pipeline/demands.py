"""The demands of a target, one by one: what is measured, and whether it is enough."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from pipeline.curves import likeness
from pipeline.quality.reference import Comparison
from pipeline.targets import Target

_LEAST_DIFFERENCE: Final = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """One figure that has to be reached; `name` is what a receipt calls it as the bound that decided."""

    name: str
    asked: float
    measure: Callable[[Comparison], float]
    is_colour: bool
    """A difference, at most so much, and three times as long to measure; else a similarity, at least so much."""

    def is_met(self, figure: float) -> bool:
        return figure <= self.asked if self.is_colour else figure >= self.asked

    def level(self, figure: float) -> float:
        """This will give a figure in the terms of `pipeline.curves`, in which more is better.

        1 - SSIM goes about with the square of the error, differences of colour with the error itself.
        """
        return -2 * math.log(max(figure, _LEAST_DIFFERENCE)) if self.is_colour else likeness(figure)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    ssim: float
    unmet: str
    """The first demand that is not met; empty: all are."""
    levels: Mapping[str, float]
    """Of those that were measured."""

    @property
    def is_met(self) -> bool:
        return not self.unmet


def demands_of(target: Target) -> tuple[Demand, ...]:
    """This will list what is asked, the cheapest to measure first."""
    said: tuple[tuple[str, float | None, Callable[[Comparison], float], bool], ...] = (
        ("ssim", target.ssim, lambda comparison: comparison.structure[0], False),
        ("worst-tile", target.worst_tile, lambda comparison: comparison.structure[1], False),
        ("delta-e", target.delta_e_p99, lambda comparison: comparison.colours.p99, True),
        ("chroma", target.chroma_delta_e, lambda comparison: comparison.colours.worst_chroma_tile, True),
    )
    return tuple(
        Demand(name=name, asked=asked, measure=measure, is_colour=is_colour)
        for name, asked, measure, is_colour in said
        if asked is not None
    )


def judged(comparison: Comparison, demands: tuple[Demand, ...]) -> Verdict:
    """This will measure what is asked; colours only where structure is good enough."""
    unmet, levels = "", {}
    for demand in demands:
        if unmet and demand.is_colour:
            break
        figure = demand.measure(comparison)
        levels[demand.name] = demand.level(figure)
        if not unmet and not demand.is_met(figure):
            unmet = demand.name
    return Verdict(ssim=comparison.structure[0], unmet=unmet, levels=levels)
