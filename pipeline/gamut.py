"""Which colours a profile can name, and which of a picture's sRGB cannot show."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyvips
from numpy.typing import NDArray

from pipeline import icc
from pipeline.colour_report import Gamut
from pipeline.profiles import Primaries, colorants

Floats = NDArray[np.float64]

_D65: Final = (0.3127, 0.3290)
_SRGB: Final[Primaries] = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), _D65)
_KNOWN: Final[dict[str, Primaries]] = {
    "sRGB": _SRGB,
    "Display P3": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),
    "DCI-P3": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    "Adobe RGB": ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), _D65),
    "BT.2020": ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
    "ProPhoto RGB": ((0.734699, 0.265301), (0.159597, 0.840403), (0.036598, 0.000105), (0.345704, 0.358540)),
    "ColorMatch RGB": ((0.630, 0.340), (0.295, 0.605), (0.150, 0.075), (0.345704, 0.358540)),
    "eciRGB": ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), (0.345704, 0.358540)),
}
_SAME: Final = 0.006
"""Chromaticities that differ by less are one primary, told by profiles of different rounding and adaptation."""
_BEYOND: Final = 0.005
"""Light by which a primary must be below 0 or above 1, lest rounding to 8 bits counts."""
_VIPS_WHITE: Final = np.array([0.95047, 1.0, 1.08883])
_D50: Final = np.array([0.9642, 1.0, 0.8249])


def gamut_of(profile: icc.Profile | None) -> Gamut | None:
    """This will measure the triangle that a profile's colorants span."""
    own = _corners(profile)
    if own is None:
        return None
    srgb = _chromaticities(colorants(_SRGB))
    names = [name for name, known in _KNOWN.items() if _is_same(own, _chromaticities(colorants(known)))]
    return Gamut(name=names[0] if names else "", area=_area(own) / _area(srgb))


def swaps_channels(profile: icc.Profile | None) -> bool:
    """This will tell whether each primary lies nearest to another one's place in sRGB: red is green, and the like."""
    own = _corners(profile)
    if own is None:
        return False
    srgb = _chromaticities(colorants(_SRGB))
    distances = np.linalg.norm(own[:, :, np.newaxis] - srgb[:, np.newaxis, :], axis=0)
    nearest: list[int] = distances.argmin(axis=1).tolist()
    return sorted(nearest) == [0, 1, 2] != nearest


def share_outside_srgb(image: Any) -> float | None:
    """This will count the pixels, 0..1, whose colour sRGB cannot show; None: the colour engine refuses the profile.

    By light: the profile's own into the connection space, and from there into sRGB without clipping.
    """
    colour = image[0 : image.bands - 1] if image.hasalpha() else image
    try:
        xyz = colour.icc_import(embedded=True, intent="relative", pcs="xyz").numpy()
    except pyvips.Error:
        return None
    # libvips goes by way of Lab, and back to XYZ under a white that the values were not measured under.
    light = xyz.reshape(-1, 3)[:, :3] / 100 / _VIPS_WHITE * _D50
    linear = light @ np.linalg.inv(colorants(_SRGB)).T
    return float(((linear < -_BEYOND) | (linear > 1 + _BEYOND)).any(axis=1).mean())


def _corners(profile: icc.Profile | None) -> Floats | None:
    columns = icc.colorants(profile) if profile is not None else None
    return None if columns is None else _chromaticities(np.array(columns).T)


def _chromaticities(columns: Floats) -> Floats:
    sums = columns.sum(axis=0)
    if not (sums > 0).all():
        return np.zeros((2, 3))
    result: Floats = columns[:2] / sums
    return result


def _area(corners: Floats) -> float:
    (x1, x2, x3), (y1, y2, y3) = corners
    return abs(float((x2 - x1) * (y3 - y1) - (x3 - x1) * (y2 - y1))) / 2


def _is_same(own: Floats, known: Floats) -> bool:
    return bool((np.abs(own - known) < _SAME).all())
