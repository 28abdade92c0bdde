"""CIEDE2000 on its published test data, and sRGB into Lab."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from pipeline.quality.ciede2000 import ciede2000
from pipeline.quality.lab import lab
from tests.pipeline.quality.sharma import PAIRS

_PAIRS = np.array(PAIRS)
_FIRST, _SECOND, _WANTED = _PAIRS[:, :3], _PAIRS[:, 3:6], _PAIRS[:, 6]


def planes(colours: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    lightness, a, b = np.ascontiguousarray(colours.T)
    return lightness, a, b


def test_is_right_on_sharmas_34_pairs_either_way_round() -> None:
    assert len(PAIRS) == 34
    for first, second in ((_FIRST, _SECOND), (_SECOND, _FIRST)):
        assert np.abs(ciede2000(planes(first), planes(second))[0] - _WANTED).max() < 5e-5


def test_floats_of_32_bits_are_enough() -> None:
    first, second = (planes(colours.astype(np.float32)) for colours in (_FIRST, _SECOND))
    found = ciede2000(first, second)[0]
    assert found.dtype == np.float32
    assert np.abs(found - _WANTED).max() < 2e-4


def test_agrees_with_scikit_image_on_a_hundred_thousand_pairs_near_and_far() -> None:
    random = np.random.default_rng(1)
    first = random.uniform([0, -100, -100], [100, 100, 100], (100_000, 3))
    second = first + random.normal(0, random.choice([0.01, 1, 20, 80], (100_000, 1)), first.shape)
    wanted = deltaE_ciede2000(first, second)
    assert np.abs(ciede2000(planes(first), planes(second))[0] - wanted).max() < 1e-3
    rough = ciede2000(planes(first.astype(np.float32)), planes(second.astype(np.float32)))[0]
    assert np.abs(rough - wanted).max() < 0.05


def test_greys_have_no_hue_and_no_colour() -> None:
    greys = planes(np.array([[0.0, 0, 0], [50, 0, 0], [100, 0, 0]]))
    lighter = planes(np.array([[10.0, 0, 0], [50, 0, 0], [90, 0, 0]]))
    whole, coloured = ciede2000(greys, lighter)
    assert np.abs(whole - deltaE_ciede2000(np.array(greys).T, np.array(lighter).T)).max() < 1e-9
    assert coloured.tolist() == [0, 0, 0]


def test_whole_and_coloured_part_are_the_same_where_lightness_is() -> None:
    same_lightness = _FIRST[:, 0] == _SECOND[:, 0]
    whole, coloured = ciede2000(planes(_FIRST), planes(_SECOND))
    assert whole[same_lightness] == pytest.approx(coloured[same_lightness])
    assert (coloured <= whole + 1e-12).all()


def test_every_colour_of_srgb_comes_near_scikit_images_lab() -> None:
    levels = np.arange(0, 256, 5, dtype=np.uint8)
    colours = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, 3)
    wanted = rgb2lab(colours[np.newaxis])[0]
    assert np.abs(np.stack(lab(colours), axis=1) - wanted).max(axis=0) == pytest.approx([0, 0, 0], abs=0.03)
