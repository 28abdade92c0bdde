"""The source's own bytes are served only where they show the same picture, and only without their metadata."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline.passthrough import STRIPPERS, strip
from pipeline.spec import Rect
from tests import images
from tests.pipeline.asking import rendered

_ALL = frozenset(STRIPPERS)


def _small(source_format: str) -> bytes:
    """This will draw a picture that its own format holds in fewer bytes than we would write."""
    if source_format in ("png", "gif"):
        return images.encoded(images.quadrants(160, 120), source_format)
    options = {"jpeg": {"Q": 15}, "webp": {"Q": 20}, "avif": {"quality": 20}}
    return images.encoded(images.scene(), source_format, **options[source_format])


def _pillows_frames(body: bytes) -> list[images.Pixels]:
    picture = Image.open(io.BytesIO(body))
    frames = []
    for page in range(getattr(picture, "n_frames", 1)):
        picture.seek(page)
        frames.append(np.asarray(picture.convert("RGBA")))
    return frames


def _with_metadata(source_format: str) -> bytes:
    exif = Image.Exif()
    exif[271] = "SECRETCAMERA"
    options: dict[str, dict[str, Any]] = {
        "gif": {"comment": b"SECRETCOMMENT"},
        "png": {"exif": exif, "icc_profile": images.srgb_profile()},
    }
    out = io.BytesIO()
    picture = Image.fromarray(images.scene().numpy())
    picture.save(
        out, source_format.upper(), **options.get(source_format, {"exif": exif, "xmp": b"SECRETXMP", "quality": 30})
    )
    return out.getvalue()


@pytest.mark.parametrize("source_format", ["jpeg", "png", "webp", "gif"])
def test_stripping_removes_metadata_and_keeps_every_pixel(source_format):
    data = _with_metadata(source_format)
    assert b"SECRET" in data
    stripped = strip(data, source_format)
    assert stripped is not None
    assert len(stripped) < len(data)
    assert not re.search(rb"SECRET|Exif|acsp|ICC|XMP", stripped)
    assert all(
        np.array_equal(before, after)
        for before, after in zip(_pillows_frames(data), _pillows_frames(stripped), strict=True)
    )


def test_a_webp_says_no_more_that_it_has_metadata():
    stripped = strip(_with_metadata("webp"), "webp")
    assert stripped is not None
    assert stripped[12:16] == b"VP8X"
    assert stripped[20] & 0b101100 == 0, "profile, EXIF and XMP"


@pytest.mark.parametrize("source_format", sorted(STRIPPERS))
def test_stripping_twice_changes_nothing_more(source_format):
    once = strip(images.encoded(images.quadrants(), source_format), source_format)
    assert once is not None
    assert strip(once, source_format) == once


@pytest.mark.parametrize("source_format", ["gif", "webp"])
def test_stripping_keeps_frames_delays_and_loops(source_format):
    frames = [images.scene(seed=seed) for seed in range(3)]
    data = images.animation(source_format, frames, delays=[50, 200, 1000], loop=3)
    stripped = strip(data, source_format)
    assert stripped is not None
    before, after = images.opened(data), images.opened(stripped)
    assert len(_pillows_frames(stripped)) == 3
    assert after.info.get("loop") == before.info.get("loop")
    assert all(np.array_equal(a, b) for a, b in zip(_pillows_frames(data), _pillows_frames(stripped), strict=True))


def test_gain_maps_and_second_pictures_behind_a_jpeg_go():
    plain = images.encoded(images.scene(), "jpeg")
    stripped = strip(images.with_second_picture(plain), "jpeg")
    assert stripped is not None
    assert stripped.count(b"\xff\xd8\xff") == 1
    assert b"SECRETTAIL" not in stripped
    assert stripped == strip(plain, "jpeg")


def test_adobes_colour_transform_is_kept():
    out = io.BytesIO()
    Image.fromarray(images.scene().numpy()).convert("CMYK").save(out, "JPEG")
    stripped = strip(out.getvalue(), "jpeg")
    assert stripped is not None
    assert np.array_equal(_pillows_frames(stripped)[0], _pillows_frames(out.getvalue())[0])


def test_an_animated_png_and_an_avif_with_metadata_are_not_eligible():
    out = io.BytesIO()
    frames = [Image.fromarray(images.scene(seed=seed).numpy()) for seed in (1, 2)]
    frames[0].save(out, "PNG", save_all=True, append_images=frames[1:])
    assert strip(out.getvalue(), "png") is None
    assert strip(_with_metadata("avif"), "avif") is None


@pytest.mark.parametrize("source_format", sorted(STRIPPERS))
@given(at=st.floats(0, 1), noise=st.binary(min_size=1, max_size=6), kept=st.floats(0, 1))
def test_hostile_bytes_are_refused_without_an_exception(source_format, at, noise, kept):
    data = images.encoded(images.quadrants(16, 16), source_format)
    place = int(at * len(data))
    damaged = (data[:place] + noise + data[place + len(noise) :])[: max(1, int(kept * len(data)))]
    result = strip(damaged, source_format)
    assert result is None or len(result) <= len(damaged) + 16


@pytest.mark.parametrize("source_format", ["tiff", "bmp", "ico", "nonsense"])
def test_other_formats_are_never_passed_through(source_format):
    assert strip(b"anything", source_format) is None


@pytest.mark.parametrize("source_format", sorted(STRIPPERS))
def test_the_smaller_source_is_served_in_its_own_format(source_format):
    data = _small(source_format)
    result = rendered(data, "jpeg", source_formats=_ALL)
    assert result.passthrough
    assert result.format == source_format
    assert len(result.body) <= len(data)
    assert (result.width, result.height) == (160, 120)


def test_the_source_is_not_served_in_a_format_the_client_does_not_take():
    result = rendered(_small("jpeg"), "png", source_formats=frozenset({"webp", "png"}))
    assert (result.passthrough, result.format) == (False, "png")


def test_the_smaller_of_source_and_encoding_wins():
    data = images.encoded(images.scene(), "jpeg", Q=98)
    result = rendered(data, "webp", source_formats=_ALL)
    assert (result.passthrough, result.format) == (False, "webp")
    assert len(result.body) < len(data)


@pytest.mark.parametrize(
    "spec",
    [
        {"width": 80},
        {"rect": Rect(left=0, top=0, width=160, height=119)},
        {"rotate": 180},
        {"flip": "h"},
        {"blur": 10},
        {"sharpen": 10},
        {"pad": 1},
        {"width": 160, "height": 160, "fit": "fill"},
    ],
)
def test_a_picture_that_would_be_changed_is_encoded(spec):
    assert not rendered(_small("jpeg"), "png", source_formats=_ALL, **spec).passthrough


def test_a_picture_that_is_not_upright_is_encoded():
    assert rendered(images.oriented(images.scene(), 1), "png", source_formats=_ALL).passthrough
    assert not rendered(images.oriented(images.scene(), 6), "png", source_formats=_ALL).passthrough


def test_a_picture_that_is_not_srgb_is_encoded():
    swapped = images.with_profile(images.scene(), images.channel_swapping_profile())
    plain = images.with_profile(images.scene(), images.srgb_profile())
    assert rendered(images.encoded(plain, "jpeg", Q=40), "png", source_formats=_ALL).passthrough
    assert not rendered(images.encoded(swapped, "jpeg", Q=40), "png", source_formats=_ALL).passthrough


def test_a_picture_of_sixteen_bits_is_encoded():
    source = images.from_pixels(np.full((30, 40, 3), 90, np.uint8))
    assert rendered(images.encoded(source, "png"), "jpeg", source_formats=_ALL).passthrough
    deep = images.encoded(source.colourspace("rgb16"), "png")
    assert not rendered(deep, "jpeg", source_formats=_ALL).passthrough


def test_a_background_keeps_a_transparent_source_from_being_served():
    data = images.encoded(images.quadrants(alpha=0), "webp", Q=20)
    assert rendered(data, "png", source_formats=_ALL).passthrough
    assert not rendered(data, "png", source_formats=_ALL, background=(0, 0, 0, 255)).passthrough


def test_an_animation_is_not_served_where_its_first_frame_is_asked_for():
    data = images.animation("webp", [images.quadrants(), images.quadrants().flipver()])
    assert not rendered(data, "avif", source_formats=_ALL).passthrough
    moving = rendered(data, "gif", source_formats=_ALL)
    assert (moving.passthrough, moving.pages) == (True, 2)


def test_no_metadata_is_left_when_the_source_is_served():
    result = rendered(images.photo_with_gps(), "png", source_formats=_ALL)
    assert result.passthrough
    assert not re.search(rb"SECRET|Exif|GPS|acsp", result.body)
