"""Another master laid on a picture."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageSequence

from pipeline.child import render_task
from pipeline.errors import BadParameter, DamagedImage, ImageTooLarge, NotAnImage
from pipeline.limits import DEFAULT_MAX_MEGAPIXELS, Limits
from pipeline.request import RenderRequest
from pipeline.spec import TransformSpec
from tests import images
from tests.pipeline.asking import LIMITS, rendered

_GREY = images.encoded(images.from_pixels(np.full((100, 200, 3), 100, np.uint8)), "png")
_RED = (220, 40, 40)


def plain(width: int, height: int, colour: tuple[int, ...] = _RED) -> Any:
    return images.from_pixels(np.full((height, width, len(colour)), colour, np.uint8))


_LOGO = images.encoded(plain(40, 20), "png")


def marked(data: bytes = _GREY, logo: bytes = _LOGO, **spec: Any) -> Any:
    return images.pixels_of(rendered(data, logo=logo, **spec).body, mode="RGBA").astype(int)


def place_of(pixels: Any) -> tuple[int, int, int, int]:
    """Left, top, width and height of what is red."""
    rows, columns = np.nonzero(pixels[..., 0] > 180)
    left, top = int(columns.min()), int(rows.min())
    return left, top, int(columns.max()) - left + 1, int(rows.max()) - top + 1


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, (145, 70, 50, 25)),
        ({"mark_align": "northwest", "mark_pad": 0}, (0, 0, 50, 25)),
        ({"mark_align": "centre"}, (75, 37, 50, 25)),
        ({"mark_scale": 10, "mark_pad": 20}, (160, 70, 20, 10)),
        ({"mark_scale": 90, "mark_pad": 0}, (20, 10, 180, 90)),
        ({"mark_scale": 100, "mark_pad": 30}, (90, 30, 80, 40)),  # bounded by what the padding leaves of the height
        ({"pad": 50, "background": (0, 0, 0, 255)}, (220, 157, 75, 38)),  # of the result, its margin included
    ],
)
def test_it_lies_where_it_should_and_is_as_large(spec, expected):
    assert place_of(marked(**spec)) == expected


def test_it_is_laid_on_as_it_is():
    pixels = marked(mark_scale=20)
    assert images.are_near([pixels[85, 175, :3]], [_RED], tolerance=1)
    assert images.are_near([pixels[20, 20, :3]], [(100, 100, 100)], tolerance=1)


def test_half_the_opacity_gives_the_mean():
    pixels = marked(mark_alpha=50)
    assert images.are_near([pixels[85, 175, :3]], [(160, 70, 70)], tolerance=2)
    assert np.array_equal(marked(mark_alpha=0), images.pixels_of(rendered(_GREY).body, mode="RGBA"))


def test_its_own_transparency_is_heard():
    clear = images.encoded(images.quadrants(40, 20, alpha=0), "png")
    pixels = marked(logo=clear, mark_scale=20, mark_align="northwest", mark_pad=0)
    assert images.are_near([pixels[4, 10, :3], pixels[4, 30, :3]], [images.RED, (100, 100, 100)], tolerance=2)
    half = images.encoded(plain(40, 20, (220, 40, 40, 128)), "png")
    assert images.are_near([marked(logo=half)[85, 175, :3]], [(160, 70, 70)], tolerance=2)


def test_tiles_repeat_with_the_padding_between_them():
    pixels = marked(mark_tile=True, mark_scale=10, mark_pad=5)  # 20 × 10 px every 25 × 15 px
    red = pixels[..., 0] > 180
    assert not red[:5].any()
    assert not red[:, :5].any()
    assert red[5:15, 5:25].all()
    assert np.array_equal(red[:85, :175], red[15:, 25:])
    assert red.mean() == pytest.approx(20 * 10 / (25 * 15), abs=0.04)


@pytest.mark.parametrize("source_format", images.FORMATS)
def test_every_source_format_can_be_a_watermark(source_format):
    logo = images.encoded(images.quadrants(40, 20), source_format)
    pixels = marked(logo=logo, mark_align="northwest", mark_pad=0, mark_scale=100)
    assert images.are_near([pixels[20, 50, :3], pixels[80, 150, :3]], [images.RED, images.YELLOW], tolerance=40)


def test_it_is_upright_and_its_colour_is_managed():
    turned = images.oriented(images.quadrants(40, 20), 6)
    pixels = marked(logo=turned, mark_align="northwest", mark_pad=0, mark_scale=100)
    assert images.are_near([pixels[20, 50, :3], pixels[80, 150, :3]], [images.RED, images.YELLOW], tolerance=40)
    swapped = images.encoded(images.with_profile(plain(40, 20), images.channel_swapping_profile()), "png")
    assert images.are_near([marked(logo=swapped)[85, 175, :3]], [(40, 220, 40)], tolerance=12)


@pytest.mark.parametrize("picture", [images.grey(200, 100), images.quadrants(200, 100, alpha=0)])
def test_grey_and_transparent_pictures_can_carry_it(picture):
    pixels = marked(images.encoded(picture, "png"))
    assert images.are_near([pixels[85, 175]], [(*_RED, 255)], tolerance=2)


def test_it_lies_on_every_frame():
    frames = [images.grey(200, 100), images.grey(200, 100).fliphor()]
    body = rendered(images.animation("webp", frames), "webp", logo=_LOGO, quality=95).body
    for frame in ImageSequence.Iterator(Image.open(io.BytesIO(body))):
        assert images.are_near([np.asarray(frame.convert("RGB"))[85, 175]], [_RED], tolerance=25)


def test_neither_mask_nor_border_touches_it():
    pixels = marked(mask="circle", border=None)
    assert images.are_near([pixels[85, 175]], [(*_RED, 255)], tolerance=1)


def test_text_lies_on_it():
    white = (255, 255, 255, 255)
    pixels = marked(mark_scale=100, mark_pad=0, text="MMMM", text_size=40, text_colour=white, text_align="centre")
    assert (pixels.min(axis=2) == 255).sum() > 100
    assert images.are_near([pixels[5, 5]], [(*_RED, 255)], tolerance=1)


def test_the_sources_own_bytes_are_not_served_under_it():
    small = images.encoded(images.scene(), "jpeg", Q=15)
    assert not rendered(small, "png", source_formats=frozenset({"jpeg"}), logo=_LOGO).passthrough


@pytest.mark.parametrize(
    ("logo", "limits", "error"),
    [
        (b"no picture", LIMITS, NotAnImage),
        (_LOGO[:70], LIMITS, DamagedImage),
        (_LOGO, Limits(max_megapixels={**DEFAULT_MAX_MEGAPIXELS, "png": 0.0001}), ImageTooLarge),
    ],
)
def test_a_watermark_that_cannot_be_used_is_named(logo, limits, error):
    with pytest.raises(error, match=r"^The watermark: Expected "):
        rendered(images.encoded(images.scene(8, 8), "bmp"), logo=logo, limits=limits)


def test_a_name_without_its_picture_is_refused():
    with pytest.raises(BadParameter, match="for mark"):
        rendered(_GREY, mark="logo")


@pytest.mark.parametrize("as_path", [True, False])
def test_a_child_takes_it_as_bytes_or_as_a_path(as_path, tmp_path, monkeypatch):
    path = tmp_path / "logo.png"
    path.write_bytes(_LOGO)
    bounds: list[float | None] = []
    monkeypatch.setattr("pipeline.child.set_address_space", bounds.append)
    request = RenderRequest(
        spec=TransformSpec(mark="logo"), format="png", mark=str(path) if as_path else _LOGO, limits=LIMITS
    )
    body = render_task(_GREY, request, False, None, "-").body
    assert place_of(images.pixels_of(body, mode="RGBA")) == (145, 70, 50, 25)
    assert bounds == [350 + 35 * 2 * DEFAULT_MAX_MEGAPIXELS["png"]]
