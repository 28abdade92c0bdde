"""What is written: right format, pinned options, no metadata."""

from __future__ import annotations

import io
import tracemalloc
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from pipeline import palette
from pipeline.encode import ENCODERS, Manner, encode
from pipeline.palette import exact_palette_png
from pipeline.rendition import CONTENT_TYPES
from pipeline.sniff import sniff
from tests import images
from tests.pipeline.asking import rendered

_FORMATS = sorted(ENCODERS)
_SECRETS = (b"SECRET", b"Exif", b"GPS", b"xmpmeta", b"ns.adobe.com", b"ICC_PROFILE", b"ICCP", b"iCCP", b"acsp", b"mluc")


@pytest.mark.parametrize("output_format", _FORMATS)
@pytest.mark.parametrize("source_format", images.FORMATS)
def test_every_source_format_renders_in_every_output_format(source_format, output_format):
    source = images.scene(160, 120)
    result = rendered(images.encoded(source, source_format), output_format, width=80)
    assert sniff(result.body) == result.format == output_format
    assert (result.width, result.height) == images.opened(result.body).size == (80, 60)
    expected = np.asarray(Image.fromarray(source.numpy()).resize((80, 60), Image.Resampling.LANCZOS))
    assert images.difference(images.pixels_of(result.body), expected) < 9
    assert result.content_type == f"image/{output_format}"
    assert set(result.seconds) == {"decode", "steps", "encode"}


@pytest.mark.parametrize("output_format", _FORMATS)
def test_no_metadata_is_left_in_the_bytes(output_format):
    photo = images.photo_with_gps()
    assert b"SECRETCAMERA" in photo
    assert b"SECRETXMP" in photo
    for width in (None, 80):
        body = rendered(photo, output_format, width=width).body
        assert [secret for secret in _SECRETS if secret in body] == []


def test_higher_quality_makes_larger_and_better_files():
    source = images.scene(320, 240)
    for output_format in ("jpeg", "webp", "avif"):
        bodies = [encode(source, output_format, quality) for quality in (20, 50, 80, 95)]
        assert [len(body) for body in bodies] == sorted(len(body) for body in bodies)
        errors = [images.difference(images.pixels_of(body), source.numpy()) for body in bodies]
        assert errors == sorted(errors, reverse=True)


@pytest.mark.parametrize("output_format", ["jpeg", "webp", "avif"])
def test_no_quality_means_the_formats_default(output_format):
    source = images.scene()
    assert len(encode(source, output_format, None)) == len(
        encode(source, output_format, ENCODERS[output_format].quality)
    )


def test_jpeg_is_progressive_and_keeps_its_chroma_subsampling_at_high_quality():
    for quality in (50, 80, 95):
        picture = JpegImageFile(io.BytesIO(encode(images.scene(), "jpeg", quality)))
        assert picture.info["progressive"]
        assert [layer[1:3] for layer in picture.layer] == [(2, 2), (1, 1), (1, 1)]


def test_avif_keeps_its_chroma_subsampling_at_high_quality():
    for quality in (60, 95):
        body = encode(images.scene(), "avif", quality)
        at = body.index(b"av1C") + 6
        assert body[at] >> 2 & 3 == 3, "4:2:0 has both subsampling bits set"


@pytest.mark.parametrize("output_format", ["png", "webp", "avif"])
def test_alpha_is_kept_where_the_format_has_it(output_format):
    pixels = images.pixels_of(
        rendered(images.encoded(images.quadrants(alpha=80), "png"), output_format).body, mode="RGBA"
    )
    assert abs(int(pixels[24, 56, 3]) - 80) <= 3
    assert pixels[24, 8, 3] >= 253


def test_gif_keeps_full_transparency():
    pixels = images.pixels_of(rendered(images.encoded(images.quadrants(alpha=0), "png"), "gif").body, mode="RGBA")
    assert (pixels[24, 56, 3], pixels[24, 8, 3]) == (0, 255)


def test_jpeg_lays_transparent_pictures_on_white_unless_told_otherwise():
    data = images.encoded(images.quadrants(alpha=0), "png")
    white = images.corners_of(rendered(data, "jpeg").body)
    black = images.corners_of(rendered(data, "jpeg", background=(0, 0, 0, 255)).body)
    assert images.are_near([white[1], white[3]], [(255, 255, 255)] * 2, tolerance=4)
    assert images.are_near([black[1], black[3]], [(0, 0, 0)] * 2, tolerance=4)
    assert images.are_near([white[0], white[2]], [images.RED, images.BLUE])


def test_an_opaque_alpha_channel_is_dropped():
    data = images.encoded(images.scene().bandjoin(255), "png")
    assert images.opened(rendered(data, "png").body).mode == "RGB"


@pytest.mark.parametrize("output_format", ["jpeg", "png"])
def test_grey_is_written_as_one_channel(output_format):
    assert images.opened(rendered(images.encoded(images.grey(), "tiff"), output_format).body).mode == "L"


def _few_colours(count: int, *, bands: int = 3) -> images.Pixels:
    numbers = np.arange(120 * 160).reshape(120, 160) * 7919 % count
    full = np.stack([numbers % 251, numbers * 3 % 256, numbers * 7 % 256, 255 - numbers % 200], axis=2)
    return full[..., :bands].astype(np.uint8)


@pytest.mark.parametrize("bands", [3, 4])
@pytest.mark.parametrize("count", [1, 2, 5, 16, 200, 251])
def test_few_colours_make_an_exact_palette(count, bands):
    pixels = _few_colours(count, bands=bands)
    body = encode(images.from_pixels(pixels), "png", None)
    found = images.pixels_of(body, mode="RGBA")
    assert np.array_equal(found[..., :bands], pixels)
    assert images.opened(body).mode == "P" or count <= 2


@pytest.mark.parametrize("bands", [1, 2])
def test_grey_pictures_of_few_shades_make_an_exact_palette(bands):
    pixels = _few_colours(8)[..., :bands].copy()
    body = encode(images.from_pixels(pixels), "png", None)
    found = images.pixels_of(body, mode="RGBA")
    assert np.array_equal(found[..., 0], pixels[..., 0])
    if bands == 2:
        assert np.array_equal(found[..., 3], pixels[..., 1])


def test_more_than_256_colours_make_no_palette():
    assert exact_palette_png(images.from_pixels(_few_colours(251))) is not None
    assert exact_palette_png(images.scene()) is None
    nearly = np.full((200, 200, 3), 9, np.uint8)  # plain but for a corner that a sample may miss
    nearly[:17, :17] = np.arange(17 * 17 * 3).reshape(17, 17, 3) % 256
    nearly[:17, :17, 0] = np.arange(17 * 17).reshape(17, 17) // 17
    nearly[:17, :17, 1] = np.arange(17 * 17).reshape(17, 17) % 17
    assert exact_palette_png(images.from_pixels(nearly)) is None


def test_a_palette_is_collected_in_strips(monkeypatch: pytest.MonkeyPatch):
    image = images.from_pixels(_few_colours(200, bands=4))
    whole = exact_palette_png(image)
    for pixels in (1, 700, 160 * 7):
        monkeypatch.setattr(palette, "_STRIP_PIXELS", pixels)
        assert exact_palette_png(image) == whole


def test_collecting_colours_stops_where_there_are_too_many(monkeypatch: pytest.MonkeyPatch):
    pixels = np.full((400, 400, 3), 9, np.uint8)
    pixels[80:100, :20] = np.arange(20 * 20 * 3).reshape(20, 20, 3) % 251
    pixels[80:100, :20, 0] = np.arange(20)
    seen: list[int] = []
    codes = palette._codes

    def spied(image: Any) -> Any:
        seen.append(image.height)
        return codes(image)

    monkeypatch.setattr(palette, "_codes", spied)
    monkeypatch.setattr(palette, "_STRIP_PIXELS", 400 * 50)
    assert exact_palette_png(images.from_pixels(pixels)) is None
    assert seen[1:] == [50, 50], "after a sample"
    seen.clear()
    assert exact_palette_png(images.scene(640, 480)) is None
    assert seen == [48], "a sample tells at once that a photo has more"


def test_a_palette_takes_little_beside_the_picture():
    """Sorted with where each pixel came from, as it was, four megapixels took 160 MB."""
    pixels = np.kron(_few_colours(200)[:40, :40], np.ones((50, 50, 1), np.uint8))
    image = images.from_pixels(pixels)
    tracemalloc.start()
    try:
        assert exact_palette_png(image) is not None
        assert tracemalloc.get_traced_memory()[1] < 12e6
    finally:
        tracemalloc.stop()


def test_png_is_lossless_unless_a_quality_below_100_is_asked_for():
    source = images.scene()
    for quality in (None, 100):
        assert np.array_equal(images.pixels_of(encode(source, "png", quality)), source.numpy())
    quantised = encode(source, "png", 60)
    assert images.opened(quantised).mode == "P"
    assert len(quantised) < len(encode(source, "png", None))
    assert images.difference(images.pixels_of(quantised), source.numpy()) < 12


def test_every_output_format_has_an_encoder_and_a_content_type():
    assert set(ENCODERS) == set(CONTENT_TYPES)


@pytest.mark.parametrize("alpha", [False, True])
def test_full_effort_writes_the_same_pixels_of_a_png_in_fewer_bytes(alpha):
    source = images.scene(200, 150)
    source = source.bandjoin(images.grey(200, 150)) if alpha else source
    quick, full = encode(source, "png", None), encode(source, "png", None, Manner(effort="full"))
    assert len(full) < len(quick)
    assert np.array_equal(images.pixels_of(full), images.pixels_of(quick))
    palette, smaller = (encode(source, "png", 60, Manner(effort=effort)) for effort in ("quick", "full"))
    assert len(smaller) < len(palette)
    assert images.difference(images.pixels_of(smaller), images.pixels_of(palette)) == 0


def test_full_effort_of_large_pictures_is_quick():
    wide = images.scene(40, 30).resize(60)
    assert encode(wide, "avif", 40, Manner(effort="full")) == encode(wide, "avif", 40)


def test_whole_chroma_is_for_formats_that_have_it():
    source = images.scene(90, 60)
    fine = Manner(chroma="4:4:4")
    assert encode(source, "webp", 70, fine) == encode(source, "webp", 70)
    for manner, sampling in ((Manner(), (2, 2)), (fine, (1, 1))):
        written = images.opened(encode(source, "jpeg", 70, manner))
        assert isinstance(written, JpegImageFile)
        assert written.layer[0][1:3] == sampling
    assert len(encode(source, "avif", 70, fine)) > len(encode(source, "avif", 70))
