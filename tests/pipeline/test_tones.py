"""Curves and ramps, as numbers."""

from __future__ import annotations

import pytest

from pipeline.tones import LUMA, between, curve, saturation_matrix, shades_of


@pytest.mark.parametrize(
    ("asked", "black", "dark", "middle", "light", "white"),
    [
        ({}, 0, 64, 128, 192, 255),
        ({"brightness": 100}, 255, 255, 255, 255, 255),
        ({"brightness": -100}, 0, 0, 0, 0, 0),
        ({"brightness": 20}, 51, 115, 179, 243, 255),
        ({"contrast": -100}, 128, 128, 128, 128, 128),
        ({"contrast": 100}, 0, 0, 129, 255, 255),
        ({"contrast": -50}, 64, 96, 128, 160, 191),
        ({"gamma": 100}, 0, 128, 181, 221, 255),
        ({"gamma": -100}, 0, 16, 64, 145, 255),
        ({"brightness": -100, "contrast": -100, "gamma": 0}, 128, 128, 128, 128, 128),  # contrast comes after
    ],
)
def test_the_curve_follows_its_formula(asked, black, dark, middle, light, white):
    levels = curve(**{"brightness": 0, "contrast": 0, "gamma": 0, **asked})
    assert len(levels) == 256
    assert [levels[level] for level in (0, 64, 128, 192, 255)] == [black, dark, middle, light, white]


@pytest.mark.parametrize("brightness", [-100, -30, 0, 70])
@pytest.mark.parametrize("contrast", [-100, 0, 100])
@pytest.mark.parametrize("gamma", [-100, 40])
def test_a_curve_never_falls(brightness, contrast, gamma):
    levels = curve(brightness=brightness, contrast=contrast, gamma=gamma)
    assert levels == sorted(levels)
    assert set(levels) <= set(range(256))


def test_the_saturation_matrix_keeps_grey_and_reaches_it():
    for saturation in (-100, -40, 0, 55, 100):
        assert [sum(row) for row in saturation_matrix(saturation)] == pytest.approx([1, 1, 1])
    assert saturation_matrix(-100) == [list(LUMA)] * 3
    assert saturation_matrix(0) == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


def luma(shade: tuple[int, ...]) -> float:
    return sum(weight * value for weight, value in zip(LUMA, shade, strict=True))


@pytest.mark.parametrize("colour", [(112, 66, 20), (255, 0, 0), (0, 0, 255), (1, 1, 1), (250, 255, 255)])
def test_shades_of_a_colour_keep_their_luma_and_contain_the_colour(colour):
    ramp = shades_of((*colour, 255))
    assert all(abs(luma(shade) - level) <= 0.51 for level, shade in enumerate(ramp))
    assert (ramp[0], ramp[255]) == ((0, 0, 0), (255, 255, 255))
    nearest = ramp[round(luma(colour))]
    assert max(abs(found - wanted) for found, wanted in zip(nearest, colour, strict=True)) <= 6


@pytest.mark.parametrize("colour", [(0, 0, 0, 255), (255, 255, 255, 255), (128, 128, 128, 255)])
def test_shades_of_a_grey_are_greys(colour):
    assert all(max(shade) - min(shade) == 0 and abs(shade[0] - level) <= 1 for level, shade in
               enumerate(shades_of(colour)))  # fmt: skip


def test_a_ramp_goes_straight_from_one_colour_to_the_other():
    ramp = between((10, 20, 30, 255), (210, 120, 30, 255))
    assert (ramp[0], ramp[255]) == ((10, 20, 30), (210, 120, 30))
    assert ramp[128] == (110, 70, 30)
