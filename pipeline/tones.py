"""Tones in numbers: curves and ramps of 256 entries for gamma-coded sRGB, as 8-bit samples have it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from pipeline.spec import Colour

LUMA: Final = (0.2126, 0.7152, 0.0722)
"""Weights of red, green and blue for the primaries of sRGB (ITU-R BT.709), as CSS filters use them."""

Shade = tuple[int, int, int]
_LEVELS: Final = range(256)


def curve(*, brightness: int, contrast: int, gamma: int) -> list[int]:
    """This will give each level's new level, the arguments from -100 to 100.

    With v from 0 to 1: brightness adds a part of full scale, contrast multiplies the distance from mid-grey, and
    gamma raises to a power:

        v₁ = v + brightness / 100
        v₂ = 0.5 + (v₁ - 0.5) · (1 + contrast / 100), kept within 0 and 1
        v₃ = v₂ ^ 2^(-gamma / 100)

    >>> curve(brightness=20, contrast=0, gamma=0)[100], curve(brightness=0, contrast=-100, gamma=0)[100]
    (151, 128)
    """
    gain, power = 1 + contrast / 100, math.pow(2, -gamma / 100)

    def level(value: float) -> float:
        return math.pow(_within(0.5 + (value + brightness / 100 - 0.5) * gain), power)

    return [_rounded(255 * level(value / 255)) for value in _LEVELS]


def saturation_matrix(saturation: int) -> list[list[float]]:
    """This will give the matrix that moves a colour away from the grey of its luma, or towards it: -100 is there.

    colour' = luma + (colour - luma) · (1 + saturation / 100)
    """
    gain = 1 + saturation / 100
    return [
        [weight * (1 - gain) + (gain if column == row else 0.0) for column, weight in enumerate(LUMA)]
        for row in range(3)
    ]


def shades_of(colour: Colour) -> list[Shade]:
    """This will give the ramp from black through the colour to white in which each level keeps its luma.

    >>> shades_of((255, 0, 0, 255))[54], shades_of((255, 0, 0, 255))[255]
    ((255, 0, 0), (255, 255, 255))
    """
    hue = colour[:3]
    luma = sum(weight * value for weight, value in zip(LUMA, hue, strict=True))
    if not 0 < luma < 255:
        return [(level, level, level) for level in _LEVELS]

    def shade(level: int) -> list[float]:
        if level <= luma:
            return [value * level / luma for value in hue]
        return [value + (255 - value) * (level - luma) / (255 - luma) for value in hue]

    return [_shade(shade(level)) for level in _LEVELS]


def between(dark: Colour, light: Colour) -> list[Shade]:
    """This will give the straight ramp from what black becomes to what white becomes.

    >>> between((0, 0, 128, 255), (255, 255, 0, 255))[51]
    (51, 51, 102)
    """
    return [
        _shade([low + (high - low) * level / 255 for low, high in zip(dark[:3], light[:3], strict=True)])
        for level in _LEVELS
    ]


def _shade(values: Sequence[float]) -> Shade:
    red, green, blue = (_rounded(value) for value in values)
    return red, green, blue


def _within(value: float) -> float:
    return min(max(value, 0.0), 1.0)


def _rounded(value: float) -> int:
    return int(value + 0.5)
