"""Heat maps: dark where nothing was lost, bright where it was."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import Unmeasurable
from pipeline.quality import delta_e_map, ssim_map
from tests.images import Pixels
from tests.pipeline.quality.photographs import delta_e_of, photograph, ssim_of, written

_MAPS = (ssim_map, delta_e_map)


def brightness(drawn: Pixels) -> np.ndarray:
    light: np.ndarray = np.sum(drawn, axis=2, dtype=int)
    return light


@pytest.mark.parametrize("draw", _MAPS)
@pytest.mark.parametrize("size", [(300, 451), (64, 11), (5, 90), (1, 2)])
def test_a_map_has_the_pictures_size_and_is_black_for_equal_pictures(draw, size) -> None:
    picture = photograph("chelsea.png")[: size[0], : size[1]]
    drawn = draw(picture, picture)
    assert (drawn.shape, drawn.dtype) == ((*size, 3), np.uint8)
    assert drawn.max() == 0


@pytest.mark.parametrize("draw", _MAPS)
def test_what_is_lost_at_one_place_is_bright_there_and_nowhere_else(draw) -> None:
    picture = photograph("chelsea.png")
    hurt = picture.copy()
    hurt[100:140, 200:260] = 255 - hurt[100:140, 200:260]
    light = brightness(draw(picture, hurt))
    assert light[110:130, 210:250].mean() > 500
    assert light[:80].max() == light[160:].max() == 0


def test_the_brighter_the_worse() -> None:
    first, second = photograph("coffee.png"), written("coffee.png", "JPEG", 10)
    for drawn, off in (
        (ssim_map(first, second), 1 - ssim_of(first, second)[1]),
        (delta_e_map(first, second), delta_e_of(first, second)),
    ):
        light, off = brightness(drawn)[5:-5, 5:-5].ravel(), off[5:-5, 5:-5].ravel()
        order = np.argsort(off)
        tenths = [light[part].mean() for part in np.array_split(order, 10)]
        assert tenths == sorted(tenths)
        assert tenths[-1] > 2 * tenths[0] + 50


def test_the_worse_ground_is_drawn() -> None:
    letters = np.zeros((60, 60, 4), np.uint8)
    nothing = letters.copy()
    letters[20:40, 20:40, 3] = 255  # black, so that only a white ground shows them
    for draw in _MAPS:
        assert brightness(draw(letters, nothing))[30, 30] > 500


def test_two_sizes_have_no_map() -> None:
    for draw in _MAPS:
        with pytest.raises(Unmeasurable):
            draw(np.zeros((20, 30, 3), np.uint8), np.zeros((20, 31, 3), np.uint8))
