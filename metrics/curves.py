"""Curves of SSIM over quality as numbers: many searches become one curve that rises."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

Point = tuple[int, float]
"""Quality, SSIM."""
Mean = tuple[int, float, int]
"""Quality, the mean of −log(1 − SSIM) there, and of how many searches."""

MOST_SEEN: Final = 200
"""A mean forgets: beyond so many searches each new one weighs as much as the last."""
_LEAST_LOSS: Final = 1e-6


def added(means: Iterable[Mean], curve: Sequence[Point]) -> list[Mean]:
    """This will take one more search into the means.

    The scale is −log(1 − SSIM), in which curves are about straight.

    >>> added(added([], [(80, 0.9)]), [(80, 0.99)])
    [(80, 3.453878, 2)]
    """
    known: dict[int, Mean] = {mean[0]: mean for mean in means}
    for quality, ssim in curve:
        _, mean, seen = known.get(quality, (quality, 0.0, 0))
        seen = min(seen + 1, MOST_SEEN)
        known[quality] = (quality, round(mean + (_straight(ssim) - mean) / seen, 6), seen)
    return [known[quality] for quality in sorted(known)]


def rising(means: Sequence[Mean]) -> tuple[Point, ...]:
    """This will give the rising curve that lies nearest to the means (pool adjacent violators; Ayer et al. 1955).

    Each quality was met by other pictures, so that means of neighbours may fall.

    >>> [(quality, round(ssim, 3)) for quality, ssim in rising([(60, 3.0, 1), (61, 2.0, 1), (70, 4.0, 1)])]
    [(60, 0.918), (61, 0.918), (70, 0.982)]
    """
    blocks: list[tuple[list[int], float, int]] = []
    for quality, mean, seen in means:
        blocks.append(([quality], mean, seen))
        while len(blocks) > 1 and blocks[-2][1] > blocks[-1][1]:
            (left, low, few), (right, high, more) = blocks[-2:]
            blocks[-2:] = [([*left, *right], (low * few + high * more) / (few + more), few + more)]
    return tuple((quality, 1 - math.exp(-mean)) for qualities, mean, _ in blocks for quality in qualities)


def merged(known: Iterable[Point], curve: Iterable[Point]) -> list[Point]:
    """This will put two curves of one picture together; where both know a quality the second counts.

    >>> merged([(60, 0.9), (70, 0.95)], [(70, 0.96), (71, 0.97)])
    [(60, 0.9), (70, 0.96), (71, 0.97)]
    """
    points: Mapping[int, float] = {**dict(known), **dict(curve)}
    return sorted(points.items())


def _straight(ssim: float) -> float:
    return -math.log(max(1 - ssim, _LEAST_LOSS))
