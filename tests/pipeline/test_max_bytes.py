"""`max-bytes`: quality first, then size, never below the floors, and a word about it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline import fitting
from pipeline.encode import ENCODERS, encode, encode_png
from pipeline.fitting import least_scale, next_quality, next_scale
from pipeline.spec import Format
from tests import images
from tests.pipeline.asking import rendered

_PHOTO = images.encoded(images.scene(480, 360).gaussblur(1), "png")
_LOSSY = ("jpeg", "webp", "avif")


def encodes(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """This will note the quality of each encode."""
    asked: list[Any] = []
    real = encode

    def counted(image: Any, output_format: Any, quality: int | None, manner: Any) -> bytes:
        asked.append(quality)
        return real(image, output_format, quality, manner)

    def counted_png(image: Any, quality: int | None, manner: Any) -> tuple[bytes, bool]:
        asked.append(quality)
        return encode_png(image, quality, manner)

    monkeypatch.setattr(fitting, "encode", counted)
    monkeypatch.setattr(fitting, "encode_png", counted_png)
    return asked


def weight(output_format: Format, **spec: Any) -> int:
    return len(rendered(_PHOTO, output_format, **spec).body)


@pytest.mark.parametrize("output_format", _LOSSY)
def test_without_a_bound_nothing_is_said_and_the_quality_is_the_formats(output_format):
    result = rendered(_PHOTO, output_format)
    assert (result.quality, result.max_bytes_met) == (ENCODERS[output_format].quality, None)
    assert rendered(_PHOTO, output_format, quality=51).quality == 51


def test_lossless_results_have_no_quality():
    data = images.encoded(images.quadrants(), "png")
    assert rendered(data, "png").quality is None
    assert rendered(data, "png", quality=100).quality is None
    assert rendered(data, "gif").quality is None
    assert rendered(data, "png", quality=60).quality is None, "four colours are a palette as they are"
    assert rendered(_PHOTO, "png", quality=60).quality == 60


@pytest.mark.parametrize("output_format", sorted(ENCODERS))
def test_a_bound_that_is_kept_anyway_changes_nothing(output_format, monkeypatch):
    free = rendered(_PHOTO, output_format, width=80)
    asked = encodes(monkeypatch)
    bound = rendered(_PHOTO, output_format, width=80, max_bytes=len(free.body))
    assert (bound.body, bound.quality, bound.max_bytes_met) == (free.body, free.quality, True)
    assert len(asked) == 1


@pytest.mark.parametrize("output_format", _LOSSY)
def test_the_quality_comes_down_first_and_as_little_as_need_be(output_format, monkeypatch):
    floor = ENCODERS[output_format].floor
    most = (weight(output_format) + weight(output_format, quality=floor)) // 2
    asked = encodes(monkeypatch)
    result = rendered(_PHOTO, output_format, max_bytes=most)
    assert result.max_bytes_met
    assert most * 0.88 < len(result.body) <= most
    assert (result.width, result.height) == (480, 360)
    assert result.quality is not None
    assert (floor or 100) < result.quality < (ENCODERS[output_format].quality or 0)
    assert len(asked) <= 6
    assert min(quality for quality in asked if quality is not None) == floor


@pytest.mark.parametrize("output_format", _LOSSY)
def test_below_the_floor_the_picture_becomes_smaller_instead(output_format, monkeypatch):
    floor = ENCODERS[output_format].floor
    most = weight(output_format, quality=floor) // 3
    asked = encodes(monkeypatch)
    result = rendered(_PHOTO, output_format, max_bytes=most)
    assert result.max_bytes_met
    assert most * 0.6 < len(result.body) <= most
    assert result.quality == floor
    assert 120 <= result.width < 480
    assert images.opened(result.body).size == (result.width, result.height)
    assert result.width / result.height == pytest.approx(4 / 3, rel=0.02)
    assert len(asked) <= 6


@pytest.mark.parametrize("output_format", ["png", "gif"])
def test_lossless_formats_become_smaller(output_format):
    data = images.encoded(images.scene(), "png")
    most = len(rendered(data, output_format).body) // 4
    result = rendered(data, output_format, max_bytes=most)
    assert result.max_bytes_met
    assert result.width < 160
    assert len(result.body) <= most
    assert images.opened(result.body).size == (result.width, result.height)


def test_a_png_may_take_a_palette(monkeypatch):
    data = images.encoded(images.scene(), "png")
    asked = encodes(monkeypatch)
    result = rendered(data, "png", max_bytes=len(data) // 2)
    assert result.max_bytes_met
    assert (result.width, images.opened(result.body).mode) == (160, "P")
    assert asked == [None, ENCODERS["png"].floor]
    rendered(data, "png", quality=90, max_bytes=len(data) // 2)
    assert len(asked) <= 4, "a palette is slow, so no quality is searched for"


@pytest.mark.parametrize("output_format", sorted(ENCODERS))
def test_a_bound_that_cannot_be_met_is_said_and_the_smallest_is_served(output_format, monkeypatch):
    data = images.encoded(images.scene(), "png")
    asked = encodes(monkeypatch)
    result = rendered(data, output_format, max_bytes=100)
    assert result.max_bytes_met is False
    assert (result.width, result.height) == (40, 30), "a quarter, and no less"
    assert result.quality == ENCODERS[output_format].floor
    assert len(asked) <= 6


def test_the_last_trial_is_of_the_least_size(monkeypatch):
    weights = iter([40_000, 12_000, 11_000, 10_500, 9_000])
    monkeypatch.setattr(fitting, "encode", lambda *_: b"x" * next(weights))
    result = rendered(images.encoded(images.scene(), "png"), "gif", max_bytes=10_000)
    assert (result.width, result.height, result.max_bytes_met) == (40, 30, True)


def test_a_quality_below_the_floor_is_kept():
    result = rendered(_PHOTO, "jpeg", quality=20, max_bytes=weight("jpeg", quality=20) // 2)
    assert result.max_bytes_met
    assert result.quality == 20
    assert result.width < 480


def test_small_pictures_are_not_made_smaller_than_sixteen_pixels():
    result = rendered(images.encoded(images.scene(40, 20), "png"), "png", max_bytes=100)
    assert (result.width, result.height) == (32, 16)
    tiny = rendered(images.encoded(images.scene(12, 12), "png"), "png", max_bytes=100)
    assert (tiny.width, tiny.height, tiny.max_bytes_met) == (12, 12, False)


def test_animations_are_made_smaller_frame_by_frame():
    scene = images.scene(120, 90)
    data = images.animation("webp", [scene, scene.fliphor(), scene.flipver()], delays=[50, 200, 1000], loop=2)
    result = rendered(data, "webp", max_bytes=len(rendered(data, "webp", quality=40).body) // 2)
    picture = images.opened(result.body)
    assert result.max_bytes_met
    assert (getattr(picture, "n_frames", 1), picture.size) == (3, (result.width, result.height))
    assert result.width < 120


def test_hidden_colours_do_not_bleed_when_the_picture_becomes_smaller():
    pixels = np.random.default_rng(1).integers(225, 256, (90, 120, 4), np.uint8)
    pixels[..., 3] = 255
    pixels[:, ::3] = (255, 0, 0, 0)  # red that nobody may see
    data = images.encoded(images.from_pixels(pixels), "png")
    result = rendered(data, "png", max_bytes=2000)
    assert result.width < 120
    shown = images.pixels_of(result.body, mode="RGBA")
    assert shown[shown[..., 3] > 8][:, 1].min() > 200


def test_transparency_survives():
    data = images.encoded(images.scene(300, 200).bandjoin(images.quadrants(300, 200)[0]), "png")
    result = rendered(data, "webp", max_bytes=len(rendered(data, "webp", quality=40).body) // 2)
    assert result.width < 300
    assert images.opened(result.body).mode == "RGBA"


def test_the_sources_own_bytes_are_served_where_they_keep_the_bound(monkeypatch):
    own = images.encoded(images.scene(), "jpeg", Q=15)
    formats = frozenset({"jpeg"})
    asked = encodes(monkeypatch)
    kept = rendered(own, "jpeg", source_formats=formats, max_bytes=len(own), quality=95)
    assert (kept.passthrough, kept.max_bytes_met, kept.quality) == (True, True, None)
    assert asked == [95], "nothing has to be given up, so nothing is searched for"
    less = rendered(own, "webp", source_formats=formats, max_bytes=len(own) // 2, quality=95)
    assert (less.passthrough, less.max_bytes_met) == (False, True)


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        ((40, 10_000), (80, 40_000), 39_999, 79),
        ((40, 10_000), (80, 40_000), 10_000, 41),
        ((40, 10_000), (42, 10_001), 10_000, 41),
        ((40, 10_000), (80, 10_000), 10_000, 41),  # no slope
    ],
)
def test_the_next_quality_lies_between_what_is_known(low, high, most, expected):
    assert next_quality(low, high, most) == expected


@pytest.mark.parametrize(
    ("tried", "most", "expected"),
    [
        ([(1.0, 20_000)], 10_000, 0.97 * 0.5**0.5),  # by area
        ([(1.0, 20_000), (0.5, 10_000)], 5_000, 0.97 * 0.25),  # bytes go with the width
        ([(1.0, 20_000), (0.5, 1_000)], 500, 0.97 * 0.5 * 0.5**0.5),  # no steeper than by area
        ([(1.0, 20_000), (0.5, 20_000)], 9_000, 0.03),  # never below the least
        ([(1.0, 20_000)], 1, 0.03),
    ],
)
def test_the_next_scale_follows_what_the_trials_weighed(tried, most, expected):
    assert next_scale(tried, 0.03, most) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((800, 600), 0.25), ((64, 64), 0.25), ((2000, 40), 0.4), ((20, 2000), 0.8), ((16, 16), 1.0), ((2000, 10), 1.0)],
)
def test_no_side_becomes_shorter_than_a_quarter_or_sixteen_pixels(size, expected):
    assert least_scale(size) == expected


@pytest.mark.images
@pytest.mark.skipif(not images.SHARED.is_dir(), reason="needs the real photographs in ../shared/images")
@pytest.mark.parametrize("output_format", _LOSSY)
def test_a_photograph_keeps_its_bound(output_format):
    data = (images.SHARED / "photos" / "kodak_23.png").read_bytes()
    for most in (20_000, 6_000):
        result = rendered(data, output_format, width=640, max_bytes=most)
        assert result.max_bytes_met
        assert 0.6 * most < len(result.body) <= most
