"""AutoQuality: the smallest quality that meets a target, certified by the one below it."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from pipeline import cost
from pipeline.encode import ENCODERS
from pipeline.request import Prior
from pipeline.spec import Format
from pipeline.targets import TARGETS, Target
from tests import images
from tests.pipeline.quality.photographs import photograph, ssim_of
from tests.pipeline.searching import LOSSY, PHOTO, aimed, decoded, encodes, plain

_REFERENCE = decoded(plain("png", None).body)


def measured(body: bytes) -> float:
    """This will decode a file with Pillow and measure it with scikit-image."""
    return ssim_of(_REFERENCE, decoded(body))[0]


@pytest.mark.parametrize("target", [0.95, 0.99])
@pytest.mark.parametrize("output_format", LOSSY)
def test_the_quality_found_meets_the_target_and_the_one_below_does_not(
    output_format: Format, target: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = encodes(monkeypatch)
    found = aimed(output_format, target)
    tries = len(asked)
    quality = found.quality
    assert quality is not None
    assert (found.target, found.target_met, found.bound) == (Target(ssim=target), True, "ssim")
    assert found.body == plain(output_format, quality).body
    assert measured(found.body) >= target - 1e-4
    below = plain(output_format, quality - 1).body
    assert measured(below) < target + 1e-4
    assert found.trial_encodes == tries <= 6
    assert any(plain(output_format, told).body == below for _, told in asked[:tries]), "certified by two encodes"


@pytest.mark.parametrize("output_format", LOSSY)
def test_the_curve_has_what_was_tried_in_rising_order(output_format: Format, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = encodes(monkeypatch)
    found = aimed(output_format)
    assert [quality for quality, _ in found.curve] == sorted({quality for _, quality in asked if quality})
    quality, similarity = found.curve[-1]
    assert measured(plain(output_format, quality).body) == pytest.approx(similarity, abs=1e-3)


@pytest.mark.parametrize("output_format", LOSSY)
def test_a_prior_speeds_the_search_and_changes_nothing(output_format: Format) -> None:
    wide = aimed(output_format, width=300)
    own = aimed(output_format, how={"prior": Prior(points=wide.curve, is_own=True)})
    misled = aimed(output_format, how={"prior": Prior(points=((5, 0.9999), (6, 0.99991)), is_own=False)})
    free = aimed(output_format)
    assert own.body == free.body == misled.body
    assert own.trial_encodes <= free.trial_encodes
    assert misled.trial_encodes <= 8


def test_a_higher_target_takes_a_higher_quality_and_more_bytes() -> None:
    found = [aimed("webp", target) for target in (0.9, 0.95, 0.97, 0.99)]
    qualities = [each.quality or 0 for each in found]
    assert qualities == sorted(set(qualities))
    assert [len(each.body) for each in found] == sorted({len(each.body) for each in found})


def test_a_target_that_no_quality_meets_gets_the_best_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = images.from_pixels(np.random.default_rng(1).integers(0, 256, (80, 80, 3), np.uint8))
    data = images.encoded(noise, "png")
    asked = encodes(monkeypatch)
    found = aimed("webp", 0.9999, data)
    assert (found.quality, found.target_met, found.bound) == (100, False, "scale")
    assert found.trial_encodes == len(asked) <= 8


def test_a_target_that_every_quality_meets_gets_the_lowest() -> None:
    flat = images.from_pixels(np.full((80, 80, 3), 90, np.uint8))
    for output_format in LOSSY:
        found = aimed(output_format, 0.9, images.encoded(flat, "png"))
        assert (found.quality, found.target_met, found.bound) == (1, True, "scale")
        assert found.trial_encodes <= 8


def test_a_png_takes_the_smallest_palette_that_meets_the_target(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = encodes(monkeypatch)
    found = aimed("png", 0.95)
    quality = found.quality
    assert quality is not None
    assert images.opened(found.body).mode == "P"
    assert measured(found.body) >= 0.95
    assert {quality, quality - 1} <= {told for _, told in asked}
    assert (found.trial_encodes, found.bound, found.chroma) == (len(asked), "ssim", None)
    assert found.trial_encodes <= 8
    assert len(found.body) < len(plain("png", None).body)


def test_a_png_stays_lossless_where_no_palette_meets_the_target() -> None:
    found = aimed("png", 0.9999)
    assert (found.quality, found.target_met, found.bound) == (None, True, "scale")
    assert found.body == plain("png", None).body


def test_a_png_with_few_colours_needs_no_search(monkeypatch: pytest.MonkeyPatch) -> None:
    data = images.encoded(images.quadrants(), "png")
    asked = encodes(monkeypatch)
    found = aimed("png", data=data, width=None)
    assert (found.quality, found.target_met, found.bound, len(asked)) == (None, True, "", 1)


def test_a_gif_has_no_quality_and_says_whether_it_meets_the_target() -> None:
    assert (aimed("gif", 0.6).target_met, aimed("gif", 0.6).trial_encodes) == (True, 1)
    assert aimed("gif", 0.9999).target_met is False


@pytest.mark.parametrize("output_format", sorted(get_args(Format)))
def test_transparent_grey_and_tiny_pictures_have_their_target_too(output_format: Format) -> None:
    for picture in (
        images.scene(90, 60).bandjoin(images.grey(90, 60)),
        images.grey(90, 60),
        images.grey(90, 60).bandjoin(99),
        images.scene(40, 1),
        images.scene(3, 3),
    ):
        found = aimed(output_format, TARGETS["eco"], images.encoded(picture, "png"), width=None, measure=True)
        assert found.target_met is not None
        assert found.scores is not None
        assert 1 <= found.trial_encodes <= 8


def test_what_cannot_be_measured_gets_the_formats_own_quality_and_no_verdict() -> None:
    dot = images.encoded(images.quadrants(1, 1), "png")
    moving = images.animation("gif", [images.scene(), images.scene(seed=2)])
    for data in (dot, moving):
        found = aimed("webp", data=data, width=None, measure=True)
        assert (found.target, found.target_met, found.trial_encodes) == (Target(ssim=0.97), None, 0)
        assert (found.quality, found.scores, found.bound) == (ENCODERS["webp"].quality, None, "")
        assert found.unmeasured


def test_of_an_animation_the_first_frame_is_searched_for_where_it_is_a_still() -> None:
    moving = images.animation("gif", [images.scene(), images.scene(seed=2)])
    assert aimed("avif", data=moving, width=None).target_met is True


def test_the_sources_own_bytes_meet_any_target() -> None:
    own = images.encoded(images.from_pixels(photograph("coffee.png")), "jpeg", Q=30, interlace=True)
    found = aimed("jpeg", 0.9999, own, own=True, width=None, measure=True)
    assert (found.passthrough, found.target_met, found.quality, found.bound) == (True, True, None, "")
    assert found.scores is not None
    assert found.scores.identical
    assert found.trial_encodes > 0


@pytest.mark.parametrize("output_format", LOSSY)
def test_full_effort_meets_the_same_target_in_fewer_bytes(output_format: Format) -> None:
    quick, full = aimed(output_format, 0.99), aimed(output_format, 0.99, how={"effort": "full"})
    assert (full.target_met, full.effort) == (True, "full")
    assert measured(full.body) >= 0.99 - 1e-4
    assert len(full.body) < len(quick.body)


def test_a_picture_too_large_for_full_effort_says_that_it_was_written_quickly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(cost.FULL_MEGAPIXELS, "avif", 0.01)
    asked_fully, quick = aimed("avif", how={"effort": "full"}), aimed("avif")
    assert asked_fully.body == quick.body
    assert (asked_fully.effort, aimed("webp", how={"effort": "full"}).effort) == ("quick", "full")


def test_the_scores_are_those_of_the_file_decoded_again() -> None:
    found = aimed("jpeg", TARGETS["good"], measure=True)
    assert found.scores is not None
    assert found.scores.ssim == pytest.approx(measured(found.body), abs=1e-3)
    assert found.scores.ssim == dict(found.curve)[found.quality or 0]


def test_time_spent_on_measuring_is_told_apart() -> None:
    seconds = aimed("webp", data=PHOTO).seconds
    assert set(seconds) >= {"decode", "encode", "measure"}


def test_without_a_target_nothing_is_searched_and_nothing_said() -> None:
    found = plain("webp", None)
    assert (found.target, found.target_met, found.trial_encodes, found.curve) == (None, None, 0, ())
    assert (found.bound, found.chroma, found.provisional) == ("", "4:2:0", False)
