"""What halving the colours' resolution costs is measured before anything is encoded."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.quality import measure
from pipeline.subsampling import BLEEDS, bleeds, colour_lost
from tests import images
from tests.pipeline.quality.photographs import PHOTOGRAPHS, photograph
from tests.pipeline.searching import decoded, lettering

_ORDINARY = tuple(name for name in PHOTOGRAPHS if name not in ("rocket.jpg", "astronaut.png"))
"""The launch by night and the orange suit beside a flag are the other two."""


@pytest.mark.parametrize(("ink", "paper"), [("red", "white"), ("red", "blue"), ("blue", "red"), ("magenta", "lime")])
def test_saturated_letters_bleed(ink: str, paper: str) -> None:
    assert bleeds(decoded(lettering(ink, paper)))


@pytest.mark.parametrize("name", _ORDINARY)
def test_photographs_do_not(name: str) -> None:
    assert 0 < colour_lost(photograph(name)) < BLEEDS


def test_grey_loses_nothing() -> None:
    assert colour_lost(images.grey(90, 60)) == 0
    assert colour_lost(decoded(lettering("black", "white"))) < 0.1
    assert colour_lost(decoded(lettering("#666666", "white"))) < 0.1


def test_one_bad_tile_in_a_plain_picture_is_found_wherever_it_lies() -> None:
    letters = decoded(lettering("red", "blue", (64, 64)))
    alone = colour_lost(letters)
    for top, left in ((0, 0), (128, 192), (192, 256)):
        picture = np.full((256, 320, 3), 200, np.uint8)
        picture[top : top + 64, left : left + 64] = letters
        assert colour_lost(picture) == pytest.approx(alone, rel=0.1)


def test_it_foretells_what_an_encoder_makes_of_it() -> None:
    """At a high quality little else is lost than by subsampling: ΔE of a JPEG with half the colours and with all."""
    picture = images.from_pixels(decoded(lettering("red", "blue")))
    lost = {mode: picture.jpegsave_buffer(Q=95, subsample_mode=mode) for mode in ("on", "off")}
    chroma = {mode: measure(picture, decoded(body)).chroma_delta_e for mode, body in lost.items()}
    assert chroma["off"] < 1 < chroma["on"] < colour_lost(picture)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (2, 2), (3, 3), (65, 31), (64, 97)])
def test_any_size_has_a_figure(size: tuple[int, int]) -> None:
    assert colour_lost(images.scene(*size)) >= 0


def test_what_alpha_hides_does_not_count() -> None:
    letters = decoded(lettering("red", "blue"))
    hidden = np.dstack([letters, np.zeros(letters.shape[:2], np.uint8)])
    assert colour_lost(hidden) == 0
