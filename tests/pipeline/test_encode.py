"""What is written: right format, pinned options, no metadata."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from pipeline.encode import ENCODERS, encode
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
    assert exact_palette_png(_few_colours(251)) is not None
    assert exact_palette_png(images.scene().numpy()) is None
    nearly = np.full((200, 200, 3), 9, np.uint8)  # plain but for a corner that a sample may miss
    nearly[:17, :17] = np.arange(17 * 17 * 3).reshape(17, 17, 3) % 256
    nearly[:17, :17, 0] = np.arange(17 * 17).reshape(17, 17) // 17
    nearly[:17, :17, 1] = np.arange(17 * 17).reshape(17, 17) % 17
    assert exact_palette_png(nearly) is None


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
