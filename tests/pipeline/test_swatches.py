"""Which colours are told of a picture."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.color import rgb2lab

from pipeline.swatches import LEAST_SHARE, MAX_COLOURS, SAME_COLOUR, swatches, to_lab
from tests import images


def stripes(*parts):
    """This will lay out pixels: pairs of a colour and how many."""
    return np.concatenate([np.full((count, 3), colour) for colour, count in parts]).astype(np.uint8)


def rgb(name):
    return tuple(bytes.fromhex(name[1:]))


def test_plain_colours_are_told_exactly_and_by_their_share():
    pixels = stripes(((220, 40, 40), 300), ((40, 180, 60), 500), ((50, 70, 220), 200))
    assert swatches(pixels) == ("#28b43c", "#dc2828", "#3246dc")


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (128, 128, 128), (1, 2, 3), (255, 0, 254)])
def test_a_picture_of_one_colour_has_one(colour):
    assert swatches(stripes((colour, 1000))) == ("#" + bytes(colour).hex(),)
    assert swatches(stripes((colour, 1))) == ("#" + bytes(colour).hex(),)


def test_noise_around_a_colour_is_still_that_colour():
    noisy = np.random.default_rng(3).normal((180, 90, 60), 1.5, (2000, 3)).round().astype(np.uint8)
    [only] = swatches(noisy)
    assert np.abs(np.array(rgb(only)) - (180, 90, 60)).max() <= 1


def test_grey_stays_grey():
    ramp = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(-1, 3)
    found = swatches(ramp)
    assert 4 <= len(found) <= MAX_COLOURS
    assert all(len(set(rgb(name))) == 1 for name in found)


def test_dark_colours_that_nobody_can_tell_apart_are_one():
    assert swatches(stripes(((0, 0, 0), 600), ((2, 2, 0), 400))) == ("#000000",)


def test_a_narrow_ramp_is_one_colour():
    """Its ends are just far enough apart for two centres, which then come to lie close together."""
    ramp = np.repeat(np.arange(100, 119, dtype=np.uint8), 3).reshape(-1, 3)
    ends = to_lab(ramp[[0, -1]])
    assert np.linalg.norm(ends[0] - ends[1]) > SAME_COLOUR
    assert len(swatches(ramp)) == 1


def test_the_share_of_a_colour_counts_all_its_shades():
    """Three shades that are the same to the eye outweigh a colour that is more than each of them."""
    shades = stripes(((100, 150, 100), 200), ((102, 152, 101), 200), ((98, 148, 99), 200), ((200, 20, 20), 400))
    assert [rgb(name)[1] > 100 for name in swatches(shades)] == [True, False]


def test_specks_are_left_out_and_accents_are_not():
    pixels = stripes(((20, 60, 160), 950), ((250, 20, 20), 45), ((255, 255, 0), 5))
    assert swatches(pixels) == ("#143ca0", "#fa1414")
    assert LEAST_SHARE > 5 / 1000


def test_a_photo_has_up_to_six_that_differ_and_always_the_same():
    pixels = images.scene().numpy().reshape(-1, 3)
    found = swatches(pixels)
    assert 3 <= len(found) <= MAX_COLOURS
    assert found == swatches(pixels[::-1])
    lab = to_lab(np.array([rgb(name) for name in found], np.uint8))
    distances = [np.linalg.norm(a - b) for at, a in enumerate(lab) for b in lab[:at]]
    assert min(distances) >= SAME_COLOUR


def test_distances_are_those_of_cielab():
    """Against scikit-image, whose white differs in the fourth digit."""
    pixels = np.random.default_rng(5).integers(0, 256, (200, 3), dtype=np.uint8)
    assert np.abs(to_lab(pixels) - rgb2lab(pixels[None] / 255)[0]).max() < 0.1
