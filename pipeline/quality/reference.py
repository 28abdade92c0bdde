"""One picture that others are compared with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Final

import numpy as np

from pipeline.quality.colour_difference import ColourDifference, colour_difference
from pipeline.quality.metrics import scores_of
from pipeline.quality.pixels import BLACK, WHITE, Picture, Pixels, as_array, check_comparable, hides_anything, on_ground
from pipeline.quality.scores import Scores
from pipeline.quality.ssim import SsimReference

KEPT_MEGAPIXELS: Final = 4.0
"""Of larger references no statistics are kept: at 14 bytes a pixel they would take more than 56 MB."""

_ROWS: Final = 64


class Reference:
    """The pixels before encoding; with `keep`, what SSIM needs of them is worked out once for many comparisons."""

    def __init__(self, picture: Picture, *, keep: bool = True) -> None:
        self._pixels = as_array(picture)
        height, width = self._pixels.shape[:2]
        self._keep = keep and height * width <= KEPT_MEGAPIXELS * 1e6
        self._hides = hides_anything(self._pixels)
        self._by_ground: dict[int, SsimReference] = {}

    @property
    def is_measurable(self) -> bool:
        """Whether anything of this size can be compared."""
        return bool(self._pixels.shape[0] * self._pixels.shape[1] > 1)

    def ssim(self, result: Picture) -> float:
        """This will give the mean SSIM alone; raises `Unmeasurable` as `scores` does."""
        pixels = self._comparable(result)
        return min(self._ssim(ground).mean(on_ground(pixels, ground)) for ground in self._grounds(pixels))

    def scores(self, result: Picture, *, also: tuple[str, ...] = ()) -> Scores:
        """This will give every figure, over white and over black where either picture hides anything.

        `also` names further metrics.
        """
        return self.compare(result).scores(also)

    def compare(self, result: Picture) -> Comparison:
        """This will give what is asked for of the figures, each worked out once; raises `Unmeasurable` at once."""
        pixels = self._comparable(result)
        over = {ground: on_ground(pixels, ground) for ground in self._grounds(pixels)}
        return Comparison(
            {ground: on_ground(self._pixels, ground) for ground in over},
            over,
            {ground: self._ssim(ground) for ground in over},
        )

    def _comparable(self, result: Picture) -> Pixels:
        pixels = as_array(result)
        check_comparable(self._pixels, pixels)
        return pixels

    def _grounds(self, pixels: Pixels) -> tuple[int, ...]:
        return (WHITE, BLACK) if self._hides or hides_anything(pixels) else (WHITE,)

    def _ssim(self, ground: int) -> SsimReference:
        key = ground if self._hides else WHITE  # an opaque picture looks the same on both
        if key not in self._by_ground:
            self._by_ground[key] = SsimReference(on_ground(self._pixels, key), keep=self._keep)
        return self._by_ground[key]


class Comparison:
    """One result beside its reference, by ground; of more than one the worse figure counts."""

    def __init__(
        self, own: Mapping[int, Pixels], other: Mapping[int, Pixels], references: Mapping[int, SsimReference]
    ) -> None:
        self._own, self._other, self._references = own, other, references

    @cached_property
    def structure(self) -> tuple[float, float]:
        """Mean SSIM and that of the worst tile: 7 ms at 800 × 533 px, with statistics kept."""
        each = [self._references[ground].mean_and_worst_tile(other) for ground, other in self._other.items()]
        return min(ssim for ssim, _ in each), min(worst for _, worst in each)

    @cached_property
    def colours(self) -> ColourDifference:
        """Three times as long."""
        each = [colour_difference(self._own[ground], other) for ground, other in self._other.items()]
        return ColourDifference(
            mean=max(colours.mean for colours in each),
            p95=max(colours.p95 for colours in each),
            p99=max(colours.p99 for colours in each),
            worst_chroma_tile=max(colours.worst_chroma_tile for colours in each),
        )

    def scores(self, also: tuple[str, ...] = ()) -> Scores:
        """This will give every figure; `also` names further metrics."""
        squares = max(_mean_square(self._own[ground], other) for ground, other in self._other.items())
        return Scores(
            ssim=self.structure[0],
            worst_tile=self.structure[1],
            psnr=None if squares == 0 else 10 * math.log10(255**2 / squares),
            identical=squares == 0,
            rmse=math.sqrt(squares),
            delta_e_mean=self.colours.mean,
            delta_e_p95=self.colours.p95,
            delta_e_p99=self.colours.p99,
            chroma_delta_e=self.colours.worst_chroma_tile,
            also=scores_of(also, [(self._own[ground], other) for ground, other in self._other.items()]) if also else {},
        )


def _mean_square(own: Pixels, other: Pixels) -> float:
    total = 0.0
    for top in range(0, len(own), _ROWS):
        rows = slice(top, top + _ROWS)
        difference = np.subtract(own[rows], other[rows], dtype=np.float32)
        total += float(np.square(difference, out=difference).sum(dtype=np.float64))
    return total / own.size
