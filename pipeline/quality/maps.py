"""Where a result is off, as pictures: black for nothing, over red and yellow to white for much."""

from __future__ import annotations

from typing import Final

import numpy as np

from pipeline.quality.colour_difference import differences
from pipeline.quality.pixels import (
    BLACK,
    WHITE,
    Picture,
    Pixels,
    as_array,
    check_comparable,
    hides_anything,
    on_ground,
)
from pipeline.quality.ssim import Floats, SsimReference

SSIM_SPAN: Final = 0.5
"""An SSIM that is so much below 1 is drawn white, and so is everything worse."""
DELTA_E_SPAN: Final = 10.0

_STOPS: Final = (0, 64, 128, 192, 255)
_RED, _GREEN, _BLUE = (0, 110, 220, 250, 255), (0, 10, 50, 190, 255), (0, 90, 40, 30, 255)
_HEAT: Final = np.stack([np.interp(range(256), _STOPS, band) for band in (_RED, _GREEN, _BLUE)], axis=1)


def ssim_map(reference: Picture, result: Picture) -> Pixels:
    """This will give height × width × 3 bytes; the outermost 5 px have no value of their own and take the nearest."""
    own, other = _comparable(reference, result)
    worst: Floats | None = None
    for ground in _grounds(own, other):
        measured = SsimReference(on_ground(own, ground), keep=False)
        values = np.concatenate(list(measured.maps(on_ground(other, ground))))
        values = np.pad(values, [(margin, margin) for margin in measured.margins], mode="edge")
        worst = values if worst is None else np.minimum(worst, values)
    if worst is None:
        raise AssertionError
    return _drawn((1 - worst) / SSIM_SPAN)


def delta_e_map(reference: Picture, result: Picture) -> Pixels:
    own, other = _comparable(reference, result)
    over = [
        np.concatenate([whole for whole, _ in differences(on_ground(own, ground), on_ground(other, ground))])
        for ground in _grounds(own, other)
    ]
    return _drawn(np.max(over, axis=0) / DELTA_E_SPAN)


def _comparable(reference: Picture, result: Picture) -> tuple[Pixels, Pixels]:
    own, other = as_array(reference), as_array(result)
    check_comparable(own, other)
    return own, other


def _grounds(*pictures: Pixels) -> tuple[int, ...]:
    return (WHITE, BLACK) if any(hides_anything(picture) for picture in pictures) else (WHITE,)


def _drawn(heat: Floats) -> Pixels:
    colours = _HEAT.round().astype(np.uint8)
    return colours[(np.clip(heat, 0, 1) * 255).round().astype(np.uint8)]
