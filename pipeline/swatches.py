"""The few colours a picture consists of, found in CIELAB, where distances are about those the eye sees."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]

MAX_COLOURS = 6
ROUNDS = 8
"""Of k-means; the centres of photos move by less than a just noticeable difference after five."""
SAME_COLOUR = 6.0
"""Distance in CIELAB below which two colours are told as one; 2.3 is just noticeable side by side."""
LEAST_SHARE = 0.01

_XYZ: Final = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
"""Linear sRGB to XYZ (IEC 61966-2-1); a row's sum is the white that CIELAB is relative to."""
_CODED = np.arange(256) / 255
_LINEAR: Final = np.where(_CODED <= 0.04045, _CODED / 12.92, ((_CODED + 0.055) / 1.055) ** 2.4)
"""Linear light by sRGB byte (IEC 61966-2-1)."""


def to_linear(pixels: Pixels) -> Floats:
    linear: Floats = _LINEAR[pixels]
    return linear


def swatches(pixels: Pixels) -> tuple[str, ...]:
    """This will give up to six colours of sRGB `pixels` (n × 3) as #rrggbb, the one with the largest share first.

    The same pixels give the same colours. Each is the median of its pixels: what is one colour is told exactly, and
    the mixed pixels at its edges do not shift it.
    """
    codes, counts = np.unique(pixels @ np.array([65536, 256, 1]), return_counts=True)
    colours = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=1).astype(np.uint8)
    points = to_lab(colours)
    nearest = _cluster(points, counts)
    shares: dict[str, float] = {}
    for cluster in np.argsort(-np.bincount(nearest, counts), kind="stable"):
        members = np.repeat(np.flatnonzero(nearest == cluster), counts[nearest == cluster])
        if len(members):
            colour = np.median(colours[members], axis=0)
            name = next((other for other in shares if _is_same(other, colour)), _hex(colour))
            shares[name] = shares.get(name, 0.0) + len(members) / len(pixels)
    first, *others = sorted(shares, key=lambda name: (-shares[name], name))
    return first, *(name for name in others if shares[name] >= LEAST_SHARE)


def to_lab(pixels: Pixels) -> Floats:
    """CIE 1976 L*a*b*. (OKLab, cube roots down to zero, takes #000000 and #020202 for far apart.)"""
    light = to_linear(pixels) @ (_XYZ / _XYZ.sum(axis=1, keepdims=True)).T
    x, y, z = np.where(light > (6 / 29) ** 3, np.cbrt(light), light / (3 * (6 / 29) ** 2) + 4 / 29).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


def _cluster(points: Floats, weights: NDArray[np.int64]) -> NDArray[np.int64]:
    """This will number the points by k-means; it begins with the heaviest and then what is far from all before."""
    centres = points[[int(np.argmax(weights))]]
    while len(centres) < min(MAX_COLOURS, len(points)):
        far = _squared_distances(points, centres).min(axis=1)
        if far.max() < SAME_COLOUR**2:
            break
        centres = np.vstack([centres, points[int(np.argmax(weights * far))]])
    for _ in range(ROUNDS):
        nearest = _squared_distances(points, centres).argmin(axis=1)
        centres = _means(points, weights, nearest)
    numbers: NDArray[np.int64] = _squared_distances(points, centres).argmin(axis=1)
    return numbers


def _means(points: Floats, weights: NDArray[np.int64], nearest: NDArray[np.int64]) -> Floats:
    totals = np.bincount(nearest, weights)
    sums = np.stack([np.bincount(nearest, weights * axis) for axis in points.T], axis=1)
    return sums[totals > 0] / totals[totals > 0, None]


def _squared_distances(points: Floats, centres: Floats) -> Floats:
    """By the product of the two, for 3,000 points and six centres ten times as fast as by their differences."""
    distances: Floats = (points**2).sum(axis=1)[:, None] - 2 * points @ centres.T + (centres**2).sum(axis=1)
    return distances


def _hex(colour: Floats) -> str:
    return "#" + bytes(int(value + 0.5) for value in colour).hex()


def _is_same(name: str, colour: Floats) -> bool:
    both = np.array([list(bytes.fromhex(name[1:])), (colour + 0.5).astype(int)], np.uint8)
    one, other = to_lab(both)
    return bool(np.linalg.norm(one - other) < SAME_COLOUR)
