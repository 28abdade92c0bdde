"""What is found out about a source, and what is refused before a pixel of it is decoded."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
import pyvips
from PIL import Image

from pipeline import header
from pipeline.errors import DamagedImage, ImageTooLarge, ImgoptError, UnsupportedFormat
from pipeline.inspect import inspect
from pipeline.limits import DEFAULT_MAX_MEGAPIXELS, Limits
from tests import images
from tests.pipeline.asking import LIMITS


@pytest.mark.parametrize("source_format", images.FORMATS)
def test_knows_format_and_size_of_every_accepted_format(source_format):
    info = inspect(images.encoded(images.quadrants(), source_format), LIMITS)
    assert (info.format, info.width, info.height, info.pages) == (source_format, 64, 48, 1)
    assert (info.bit_depth, info.colour_space, info.is_srgb) == (8, "rgb", True)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_width_and_height_are_those_of_the_upright_picture(orientation):
    info = inspect(images.oriented(images.quadrants(), orientation), LIMITS)
    assert (info.width, info.height, info.orientation) == (64, 48, orientation)
    assert info.stored_size == ((48, 64) if orientation >= 5 else (64, 48))


@pytest.mark.parametrize("orientation", [0, 9])
@pytest.mark.parametrize("source_format", ["jpeg", "png", "webp"])
def test_orientations_that_exif_does_not_define_count_as_upright(orientation, source_format):
    assert inspect(images.oriented(images.quadrants(), orientation, source_format), LIMITS).orientation == 1


def test_an_orientation_that_a_loader_lets_through_is_still_one_of_eight():
    image = images.quadrants().copy()
    for value, expected in ((-1, 1), (0, 1), (8, 8), (9, 1)):
        image.set_type(pyvips.GValue.gint_type, "orientation", value)
        assert header.orientation_of(image) == expected


def test_knows_alpha_depth_space_profile_and_interlacing():
    translucent = inspect(images.encoded(images.quadrants(alpha=0), "png"), LIMITS)
    deep = inspect(images.encoded(images.quadrants().colourspace("rgb16"), "png"), LIMITS)
    single = inspect(images.encoded(images.grey(), "png"), LIMITS)
    printed = inspect(images.encoded(images.quadrants().colourspace("cmyk"), "tiff"), LIMITS)
    managed = inspect(images.encoded(images.with_profile(images.scene(), images.srgb_profile()), "jpeg"), LIMITS)
    progressive = inspect(images.encoded(images.scene(), "jpeg", interlace=True), LIMITS)
    interlaced = inspect(images.encoded(images.scene(), "png", interlace=True), LIMITS)
    assert translucent.has_alpha
    assert not deep.has_alpha
    assert (deep.bit_depth, deep.is_srgb) == (16, True)
    assert single.colour_space == "grey"
    assert (printed.colour_space, printed.is_srgb) == ("cmyk", False)
    assert (managed.profile, managed.is_srgb) == ("sRGB built-in", True)
    assert progressive.interlaced
    assert interlaced.interlaced
    assert not managed.interlaced


@pytest.mark.parametrize("source_format", ["gif", "webp"])
def test_counts_the_frames_of_an_animation(source_format):
    frames = [images.quadrants(), images.quadrants().flipver(), images.quadrants().fliphor()]
    info = inspect(images.animation(source_format, frames), LIMITS)
    assert (info.width, info.height, info.pages) == (64, 48, 3)
    assert info.is_animated


def test_the_pages_of_a_tiff_are_no_animation():
    out = io.BytesIO()
    first, second = (Image.fromarray(picture.numpy()) for picture in (images.quadrants(), images.quadrants(30, 20)))
    first.save(out, "TIFF", save_all=True, append_images=[second])
    info = inspect(out.getvalue(), LIMITS)
    assert (info.width, info.height, info.pages) == (64, 48, 2)
    assert not info.is_animated


def test_all_pages_of_a_tiff_count_against_its_limit():
    out = io.BytesIO()
    pages = [Image.new("L", (side, side), side) for side in (10, 20, 500)]
    pages[0].save(out, "TIFF", save_all=True, append_images=pages[1:])
    with pytest.raises(ImageTooLarge, match="megapixels for a tiff"):
        inspect(out.getvalue(), _limited("tiff", 0.2))
    assert inspect(out.getvalue(), _limited("tiff", 0.3)).pages == 3


@pytest.mark.parametrize("source_format", images.FORMATS)
def test_refuses_more_pixels_than_the_format_may_have(source_format):
    data = images.encoded(images.quadrants(), source_format)
    with pytest.raises(ImageTooLarge) as caught:
        inspect(data, _limited(source_format, 0.003))
    assert f"at most 0.003 megapixels for a {source_format} file" in caught.value.message
    assert "64x48" in caught.value.message
    assert inspect(data, _limited(source_format, 0.0031)).format == source_format


def test_the_frames_of_an_animation_count_together():
    data = images.animation("gif", [images.quadrants(), images.quadrants().flipver()])
    with pytest.raises(ImageTooLarge, match="in 2 frames"):
        inspect(data, _limited("gif", 0.005))


def test_refuses_more_pages_than_allowed():
    frames = [images.scene(8, 8, seed=seed) for seed in range(6)]
    for source_format in ("gif", "webp"):
        data = images.animation(source_format, frames)
        assert inspect(data, Limits(max_pages=6)).pages == 6
        with pytest.raises(ImageTooLarge, match="at most 5 pages or frames"):
            inspect(data, Limits(max_pages=5))


def test_too_many_frames_of_a_webp_are_refused_before_libvips_counts_them(monkeypatch):
    data = images.animation("webp", [images.scene(8, 8, seed=seed) for seed in range(6)])
    monkeypatch.setattr("pipeline.header.open_lazily", lambda *_args: pytest.fail("libvips opened it"))
    with pytest.raises(ImageTooLarge):
        inspect(data, Limits(max_pages=5))


def test_the_header_is_enough_to_refuse_a_bomb():
    bomb = _png_header(30000, 30000)
    with pytest.raises(ImageTooLarge, match="30000x30000"):
        inspect(bomb, LIMITS)


def test_nothing_is_decoded_before_the_limits_are_checked(monkeypatch):
    def refuse(*_args):
        raise AssertionError("a pixel was decoded")

    monkeypatch.setattr("pipeline.overview.decode_strictly", refuse)
    monkeypatch.setattr("pipeline.pillow.load", refuse)
    for source_format in images.FORMATS:
        with pytest.raises(ImageTooLarge):
            inspect(images.encoded(images.scene(), source_format), _limited(source_format, 0.001))


@pytest.mark.parametrize("source_format", [each for each in images.FORMATS if each != "ico"])
@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_a_picture_that_is_cut_short_is_damaged(source_format, kept):
    data = images.encoded(images.scene(), source_format)
    with pytest.raises(DamagedImage) as caught:
        inspect(data[: int(len(data) * kept)], LIMITS)
    assert caught.value.message.startswith(f"Expected a whole {source_format} file")


@pytest.mark.parametrize("source_format", ["gif", "webp"])
@pytest.mark.parametrize("kept", [0.6, 0.8, 0.95])
def test_a_later_frame_that_is_cut_short_is_found(source_format, kept):
    data = images.animation(source_format, [images.scene(seed=seed) for seed in range(3)])
    with pytest.raises(DamagedImage):
        inspect(data[: int(len(data) * kept)], LIMITS)


def test_a_gif_without_its_trailer_is_whole():
    assert inspect(images.encoded(images.scene(), "gif").removesuffix(b";"), LIMITS).format == "gif"


def test_an_icon_shows_its_largest_entry():
    out = io.BytesIO()
    Image.fromarray(images.quadrants(64, 64, alpha=0).numpy()).save(out, "ICO", sizes=[(16, 16), (64, 64), (32, 32)])
    info = inspect(out.getvalue(), LIMITS)
    assert (info.width, info.height) == (64, 64)


def test_an_icon_whose_entry_lies_about_its_size_is_refused():
    data = bytearray(images.encoded(images.quadrants(32, 32), "ico"))
    at = data.index(b"IHDR") + 4
    data[at : at + 8] = struct.pack(">II", 20000, 20000)
    with pytest.raises(ImageTooLarge):
        inspect(bytes(data), LIMITS)


def test_profile_names_from_hostile_files_hold_no_control_characters():
    profile = images.srgb_profile().replace("sRGB".encode("utf-16-be"), "a\x1b\x00\u202e".encode("utf-16-be"))
    info = inspect(images.encoded(images.with_profile(images.scene(), profile), "png"), LIMITS)
    assert info.profile == "a built-in"


def test_metadata_that_inflates_without_end_does_not_hold_up_a_picture():
    bomb = zlib.compress(bytes(50_000_000), 9)
    png = images.encoded(images.quadrants(), "png")
    for kind in (b"zTXt", b"iCCP"):
        data = images.with_png_chunk(png, kind, b"name\0\0" + bomb)
        assert _outcome(data) in ("png", "damaged_image")


def test_samples_that_are_no_colour_are_refused():
    five_bands = np.zeros((8, 8, 5), np.uint8)
    with pytest.raises(UnsupportedFormat, match="samples for a tiff file"):
        inspect(images.encoded(images.from_pixels(five_bands).copy(interpretation="multiband"), "tiff"), LIMITS)


def test_importing_what_the_web_process_needs_loads_no_libvips():
    code = (
        "import sys\n"
        "from pipeline import errors, geometry, inspect, ladder, limits, params, passthrough, render, rendition\n"
        "from pipeline import request, sniff, source, spec, version\n"
        "sys.exit('pyvips' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_every_format_has_a_loader_or_pillow():
    assert {*header.LOADERS, "bmp", "ico"} == set(DEFAULT_MAX_MEGAPIXELS)


def _limited(source_format: str, megapixels: float) -> Limits:
    return Limits(max_megapixels={**DEFAULT_MAX_MEGAPIXELS, source_format: megapixels})


def _png_header(width: int, height: int) -> bytes:
    ihdr = images.png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + ihdr + images.png_chunk(b"IDAT", zlib.compress(b"\0" * 100))


def _outcome(data: bytes) -> str:
    try:
        return inspect(data, LIMITS).format
    except ImgoptError as error:
        return error.code
