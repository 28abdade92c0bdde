"""The placeholder that inspection makes of every source."""

from __future__ import annotations

import base64
import re
import struct

import numpy as np
import pytest

from pipeline.errors import DamagedImage
from pipeline.inspect import inspect
from pipeline.placeholder import MAX_DATA_URI
from pipeline.source import SourceInfo
from tests import images
from tests.pipeline.asking import LIMITS

RED, GREEN, BLUE, YELLOW = (f"#{bytes(each).hex()}" for each in (images.RED, images.GREEN, images.BLUE, images.YELLOW))


def placeholder_of(data):
    placeholder = inspect(data, LIMITS).placeholder
    assert placeholder is not None
    return placeholder


def body_of(placeholder):
    head, _, text = placeholder.data_uri.partition(",")
    assert head == "data:image/webp;base64"
    return base64.b64decode(text, validate=True)


def shown(placeholder):
    """This will decode the data URI, as a browser does."""
    picture = images.opened(body_of(placeholder))
    assert picture.format == "WEBP"
    return picture


def shows_quadrants(placeholder):
    expected = (images.RED, images.GREEN, images.BLUE, images.YELLOW)
    return images.are_near(images.corners_of(body_of(placeholder)), expected, tolerance=40)


@pytest.mark.parametrize("source_format", images.FORMATS)
def test_every_format_has_one(source_format):
    placeholder = placeholder_of(images.encoded(images.quadrants(), source_format))
    assert shown(placeholder).size == (32, 24)
    assert shows_quadrants(placeholder)
    assert len(placeholder.blurhash) == 28
    assert all(re.fullmatch(r"#[0-9a-f]{6}", name) for name in placeholder.palette)
    assert 4 <= len(placeholder.palette) <= 6


def test_the_palette_of_a_lossless_picture_is_exact():
    assert set(placeholder_of(images.encoded(images.quadrants(), "png")).palette) == {RED, GREEN, BLUE, YELLOW}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_upright(orientation):
    placeholder = placeholder_of(images.oriented(images.quadrants(), orientation))
    assert shown(placeholder).size == (32, 24)
    assert shows_quadrants(placeholder)


def test_a_portrait_has_more_components_down_than_across():
    assert placeholder_of(images.encoded(images.scene(160, 120), "jpeg")).blurhash[0] == "L"  # 4 × 3
    assert placeholder_of(images.encoded(images.scene(120, 160), "jpeg")).blurhash[0] == "T"  # 3 × 4


def test_colours_are_managed():
    """A profile that lets red and green change places shows whether it has been asked."""
    plain = images.from_pixels(np.full((40, 40, 3), (220, 40, 60), np.uint8))
    profiled = images.with_profile(plain, images.channel_swapping_profile())
    [name] = placeholder_of(images.encoded(profiled, "png")).palette
    red, green, _ = bytes.fromhex(name[1:])
    assert red + 100 < green


def test_alpha_is_kept_and_hidden_colours_do_not_show():
    placeholder = placeholder_of(images.encoded(images.quadrants(alpha=0), "png"))
    picture = shown(placeholder)
    assert picture.mode == "RGBA"
    alpha = np.asarray(picture)[..., 3]
    assert (alpha[:, :12].min(), alpha[:, -12:].max()) == (255, 0)
    assert set(placeholder.palette) == {RED, BLUE}


def test_shrinking_does_not_mix_hidden_colours_in():
    pixels = np.full((384, 512, 4), (50, 70, 220, 255), np.uint8)
    pixels[:, ::2] = (255, 0, 0, 0)
    assert placeholder_of(images.encoded(images.from_pixels(pixels), "png")).palette == (BLUE,)


def test_alpha_that_hides_nothing_is_left_away():
    assert shown(placeholder_of(images.encoded(images.quadrants(alpha=255), "png"))).mode == "RGB"


def test_what_cannot_be_seen_at_all_is_white():
    transparent = images.from_pixels(np.zeros((30, 30, 4), np.uint8))
    assert placeholder_of(images.encoded(transparent, "png")).palette == ("#ffffff",)


def test_grey_is_grey_and_has_three_bands():
    placeholder = placeholder_of(images.encoded(images.grey(), "png"))
    assert shown(placeholder).size == (32, 24)
    assert all(len(set(bytes.fromhex(name[1:]))) == 1 for name in placeholder.palette)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 3000), (3000, 1), (2, 2), (7, 500)])
def test_odd_sizes_have_one(width, height):
    placeholder = placeholder_of(images.encoded(images.from_pixels(np.full((height, width, 3), 90, np.uint8)), "png"))
    assert placeholder.palette == ("#5a5a5a",)
    assert max(shown(placeholder).size) == min(32, max(width, height))


def test_the_data_uri_stays_short_however_busy_the_picture():
    noise = np.random.default_rng(1).integers(0, 256, (200, 200, 4), dtype=np.uint8)
    placeholder = placeholder_of(images.encoded(images.from_pixels(noise), "png"))
    assert len(placeholder.data_uri) <= MAX_DATA_URI


@pytest.mark.parametrize("source_format", ["gif", "webp"])
def test_an_animation_shows_its_first_frame(source_format):
    frames = [images.quadrants(), images.from_pixels(np.zeros((48, 64, 3), np.uint8))]
    assert shows_quadrants(placeholder_of(images.animation(source_format, frames)))


def test_a_header_alone_has_none_and_it_does_not_count_in_comparisons():
    from pipeline.header import read_header

    data = images.encoded(images.quadrants(), "png")
    info = read_header(data, LIMITS)
    assert info.placeholder is None
    assert info == inspect(data, LIMITS)
    assert isinstance(info, SourceInfo)


@pytest.mark.parametrize("source_format", ["jpeg", "png"])
@pytest.mark.parametrize("height", [255, 256, 257, 300])
def test_a_file_that_ends_in_its_very_last_rows_is_found(source_format, height):
    """Averages of whole squares alone would leave those rows undecoded."""
    data = images.encoded(images.scene(400, height), source_format)
    # The end of a JPEG's last rows; of a PNG, the check sum of the last IDAT and what stands before it.
    cut = data[:-40] if source_format == "jpeg" else _without_the_last_pixels(data)
    with pytest.raises(DamagedImage):
        inspect(cut, LIMITS)


def _without_the_last_pixels(png):
    at = png.rindex(b"IDAT") - 4
    length = struct.unpack_from(">I", png, at)[0]
    return png[: at + 8 + length - 60]
