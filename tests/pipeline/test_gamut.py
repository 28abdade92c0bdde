"""What a profile is good for."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline import gamut, icc, inspector
from pipeline.colour_report import ColourReport
from pipeline.header import read_header
from pipeline.limits import Limits
from pipeline.profiles import Primaries, build, srgb
from tests.images import encoded, from_pixels, quadrants, srgb_profile, with_profile

D65 = (0.3127, 0.3290)
D50 = (0.3457, 0.3585)
SPACES: dict[str, tuple[Primaries, float]] = {
    "sRGB": (((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), D65), 1.0),
    "Display P3": (((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), D65), 1.32),
    "Adobe RGB": (((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), D65), 1.34),
    "BT.2020": (((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), D65), 1.86),
    "ProPhoto RGB": (((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001), D50), 2.54),
    "": (((0.5, 0.33), (0.30, 0.5), (0.2, 0.1), D65), 0.45),
}
LIMITS = Limits()


def report(data: bytes) -> ColourReport:
    return inspector.report(data, read_header(data, LIMITS), LIMITS)


@pytest.mark.parametrize("name", SPACES)
def test_names_a_matrix_profile_by_its_primaries_and_tells_their_area(name: str) -> None:
    primaries, area = SPACES[name]
    found = gamut.gamut_of(icc.parse(build("whatever", primaries, srgb)))
    assert found is not None
    assert found.name == name
    assert found.area == pytest.approx(area, abs=0.03)


def test_a_profile_that_others_made_is_known_too() -> None:
    found = gamut.gamut_of(icc.parse(srgb_profile()))
    assert found is not None
    assert (found.name, round(found.area, 2)) == ("sRGB", 1.0)


def test_a_profile_without_a_triangle_has_no_gamut() -> None:
    assert gamut.gamut_of(None) is None
    assert gamut.gamut_of(icc.parse(build("grey", SPACES["sRGB"][0], srgb, grey=True))) is None


def test_counts_the_pixels_that_srgb_cannot_show() -> None:
    pixels = np.full((40, 60, 3), 128, np.uint8)
    pixels[:, :15] = (0, 255, 0)  # a quarter: the greenest green of Display P3
    pixels[:, 45:] = (200, 90, 60)  # another: a red that sRGB has, under another name
    wide = with_profile(from_pixels(pixels), build("wide", SPACES["Display P3"][0], srgb))
    found = report(encoded(wide, "png"))
    assert found.outside_srgb == pytest.approx(0.25)
    assert found.ignored["p99"] > 3 > found.ignored["mean"] > 0.3


def test_a_picture_in_srgb_loses_nothing() -> None:
    for image in (quadrants(), with_profile(quadrants(), srgb_profile()), quadrants(alpha=90)):
        found = report(encoded(image, "png"))
        assert (found.outside_srgb, found.ignored["mean"]) == (0, 0)


def test_alpha_and_a_single_pixel_are_taken() -> None:
    profile = build("wide", SPACES["Adobe RGB"][0], srgb)
    for image in (quadrants(alpha=90), quadrants(1, 1)):
        found = report(encoded(with_profile(image, profile), "png"))
        assert found.gamut is not None
        assert found.gamut.name == "Adobe RGB"
        assert found.ignored["mean"] > 0
