"""The colour difference CIEDE2000 (CIE 142-2001, ISO/CIE 11664-6), after Sharma, Wu, Dalal: "The CIEDE2000
color-difference formula: implementation notes, supplementary test data, and mathematical observations", Color Research
and Application 30 (1), 2005. All parametric factors are 1.

Hues are kept as vectors: the mean hue is the direction of the sum of two unit vectors, which is the shorter arc's
middle by itself, and cosines of its multiples are polynomials. Of the formula's many angles one arc tangent is left.
"""

from __future__ import annotations

from math import cos, radians, sin
from typing import Final

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.floating]
Lab = tuple[Values, Values, Values]

_POWER: Final = 25.0**7
_TINY: Final = 1e-12
_NEARLY_OPPOSITE: Final = 1e-4
"""Of twice the product of two chromas: below that share their sum says nothing exact of the hue difference any more."""


def ciede2000(first: Lab, second: Lab) -> tuple[Values, Values]:
    """This will give the difference, and that part of it which is not lightness: chroma, hue and their interaction.

    >>> lab = lambda *values: tuple(np.array([value]) for value in values)
    >>> whole, coloured = ciede2000(lab(50, 2.6772, -79.7751), lab(50, 0, -82.7485))
    >>> round(float(whole[0]), 4), round(float(coloured[0]), 4)
    (2.0425, 2.0425)
    """
    (l1, a1, b1), (l2, a2, b2) = first, second
    stretch = 1.5 - 0.5 * _saturation((_length(a1, b1) + _length(a2, b2)) / 2)
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = _length(a1, b1), _length(a2, b2)
    chroma = (c1 + c2) / 2
    cosine, sine = _mean_hue(a1, b1, c1, a2, b2, c2)

    lightness = (l1 + l2) / 2 - 50
    lightness *= lightness
    of_lightness = (l2 - l1) / (1 + 0.015 * lightness / np.sqrt(20 + lightness))
    of_chroma = (c2 - c1) / (1 + 0.045 * chroma)
    of_hue = _hue_difference(a1, b1, c1, a2, b2, c2) / (1 + 0.015 * chroma * _hue_weight(cosine, sine))

    coloured = of_chroma * of_chroma + of_hue * of_hue + _rotation(chroma, cosine, sine) * of_chroma * of_hue
    coloured = np.maximum(coloured, 0)  # rounding
    return np.sqrt(of_lightness * of_lightness + coloured), np.sqrt(coloured)


def _length(x: Values, y: Values) -> Values:
    """`np.hypot` minds overflow and takes five times as long."""
    result: Values = np.sqrt(x * x + y * y)
    return result


def _saturation(chroma: Values) -> Values:
    """√(C⁷ / (C⁷ + 25⁷))"""
    square = chroma * chroma
    seventh = square * square * square * chroma
    result: Values = np.sqrt(seventh / (seventh + _POWER))
    return result


def _mean_hue(a1: Values, b1: Values, c1: Values, a2: Values, b2: Values, c2: Values) -> tuple[Values, Values]:
    """The cosine and sine of the mean hue; of a grey and a colour it is the colour's hue, of two greys 0."""
    x1, y1 = _unit(a1, b1, c1)
    x2, y2 = _unit(a2, b2, c2)
    x, y = x1 + x2, y1 + y2
    length = _length(x, y)
    lost = length < _TINY
    if lost.any():
        # Exactly opposite hues: (h1 + h2) / 2 lies a right angle after h1 where that is below 180°, else before it.
        turn = np.where(_is_in_upper_half(x1[lost], y1[lost]), 1, -1)
        grey = (x1[lost] == 0) & (y1[lost] == 0)
        x[lost], y[lost], length[lost] = np.where(grey, 1, -y1[lost] * turn), x1[lost] * turn, 1
    return x / length, y / length


def _unit(a: Values, b: Values, chroma: Values) -> tuple[Values, Values]:
    length = np.maximum(chroma, _TINY)
    return a / length, b / length


def _is_in_upper_half(x: Values, y: Values) -> NDArray[np.bool_]:
    """Whether a hue is in 0° … 180°, the first included and the last not."""
    result: NDArray[np.bool_] = (y > 0) | ((y == 0) & (x > 0))
    return result


def _hue_difference(a1: Values, b1: Values, c1: Values, a2: Values, b2: Values, c2: Values) -> Values:
    """2 √(C1 C2) sin(Δh / 2), as cross product over a root: the difference of two products would lose small ones."""
    product, dot, cross = c1 * c2, a1 * a2 + b1 * b2, a1 * b2 - a2 * b1
    half = (product + dot) / 2
    opposite = half < _NEARLY_OPPOSITE * product
    result: Values = cross / np.sqrt(np.maximum(half, _TINY))
    if opposite.any():
        at = opposite
        sign = np.where((cross[at] > 0) | ((cross[at] == 0) & _is_in_upper_half(a1[at], b1[at])), 1, -1)
        result[at] = sign * np.sqrt(2 * (product[at] - dot[at]))
    return result


def _hue_weight(cosine: Values, sine: Values) -> Values:
    """T, of the hue h: 1 - 0.17 cos(h - 30°) + 0.24 cos 2h + 0.32 cos(3h + 6°) - 0.20 cos(4h - 63°)"""
    cos2, sin2 = 2 * cosine * cosine - 1, 2 * sine * cosine
    cos3, sin3 = cos2 * cosine - sin2 * sine, sin2 * cosine + cos2 * sine
    cos4, sin4 = 2 * cos2 * cos2 - 1, 2 * sin2 * cos2
    weight: Values = 1 + 0.24 * cos2
    for factor, phase, of_cosine, of_sine in (
        (-0.17, -30, cosine, sine),
        (0.32, 6, cos3, sin3),
        (-0.20, -63, cos4, sin4),
    ):
        weight += factor * cos(radians(phase)) * of_cosine - factor * sin(radians(phase)) * of_sine
    return weight


def _rotation(chroma: Values, cosine: Values, sine: Values) -> Values:
    """R_T, by which chroma and hue act together around the blue of 275°."""
    across, along = cos(radians(275)), sin(radians(275))
    from_blue = np.arctan2(sine * across - cosine * along, cosine * across + sine * along)
    width = from_blue / radians(25)
    result: Values = -2 * np.sin(radians(60) * np.exp(-width * width)) * _saturation(chroma)
    return result
