"""Every odd and every broken file has a named outcome, and what is accepted renders in every format."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps, UnidentifiedImageError

from pipeline.encode import ENCODERS
from pipeline.errors import ChildDied, DamagedImage, ImageTooLarge, ImgoptError, NotAnImage, UnsupportedFormat
from pipeline.pool import PoolConfig, RenderPool
from pipeline.source import SourceInfo
from tests import images
from tests.pipeline.asking import LIMITS, rendered

pytestmark = [
    pytest.mark.images,
    pytest.mark.skipif(not images.SHARED.is_dir(), reason="needs ../shared/images"),
]


def _info(source_format: str, width: int, height: int, **rest: Any) -> SourceInfo:
    return SourceInfo(format=source_format, width=width, height=height, **rest)


EXPECTED: dict[str, SourceInfo | type[ImgoptError]] = {
    # bad
    "bad/Bad_badbitcount.bmp": DamagedImage,
    "bad/Bad_reallybig.bmp": ImageTooLarge,
    "bad/Bad_shortfile.bmp": DamagedImage,
    "bad/BlueSquare_truncated.jpg": DamagedImage,
    "bad/broken_data_stream.png": DamagedImage,
    "bad/broken_exif_dpi.jpg": _info("jpeg", 100, 100),
    "bad/crash_0e16d3bf.tif": DamagedImage,
    "bad/crash_1152ec2d.tif": DamagedImage,
    "bad/crash_338516db.tif": DamagedImage,
    "bad/crash_74d2a784.tif": DamagedImage,
    "bad/decompression_bomb.ico": ImageTooLarge,
    "bad/fuzz_125cfadf.jpg": DamagedImage,
    "bad/fuzz_5dcac9cf.png": DamagedImage,
    "bad/fuzz_72f18b59.jpg": _info("jpeg", 32, 2336),
    "bad/fuzz_cae7d9b1.jpg": DamagedImage,
    "bad/fuzz_ddcb4ef6.jpg": DamagedImage,
    "bad/fuzz_f613c6ff.jpg": DamagedImage,
    "bad/fuzz_test_IDX.jpg": DamagedImage,
    "bad/huge_sof_number.jpg": _info("jpeg", 800, 600),
    "bad/image00971.jpg": _info("jpeg", 636, 227),
    "bad/image_invalid.jpg": NotAnImage,
    "bad/incomplete_image.jpg": DamagedImage,
    "bad/invalid_quantization.jpg": _info("jpeg", 300, 400),
    "bad/issue_1455_oversized.gif": _info("gif", 16, 16, has_alpha=True),
    "bad/issue_1455_undersized.gif": _info("gif", 100, 100, pages=2, has_alpha=True),
    "bad/junk_jpeg_header.jpg": _info("jpeg", 1024, 768),
    "bad/negative_size.ppm": NotAnImage,
    "bad/oob.gif": _info("gif", 40, 40, has_alpha=True),
    "bad/oom_88bytes.tif": DamagedImage,
    "bad/ossfuzz-4836216264589312.pcx": NotAnImage,
    "bad/pil_1.eps": NotAnImage,
    "bad/psd-oob-write-overflow.psd": UnsupportedFormat,
    "bad/sgi_crash.bin": UnsupportedFormat,
    "bad/timeout-6646305047838720": DamagedImage,
    "bad/truncated.gif": DamagedImage,
    "bad/truncated.png": DamagedImage,
    "bad/xc1n0g08.png": DamagedImage,
    "bad/xcsn0g01.png": DamagedImage,
    "bad/xhdn0g08.png": DamagedImage,
    "bad/xs1n0g01.png": NotAnImage,
    # odd
    "odd/16384x16384.png": ImageTooLarge,
    "odd/1bit.tif": _info("tiff", 256, 4, colour_space="grey"),
    "odd/1x1.png": _info("png", 1, 1),
    "odd/2bands.png": _info("png", 293, 115, has_alpha=True, colour_space="grey"),
    "odd/5_webp_a.webp": _info("webp", 300, 300, has_alpha=True),
    "odd/Crémieux11.tiff": _info("tiff", 199, 47, has_alpha=True, profile="Color LCD", is_srgb=False),
    "odd/G31D.TIF": _info("tiff", 2464, 3248, colour_space="grey"),
    "odd/IMG_5195.HEIC": UnsupportedFormat,
    "odd/Landscape_0.jpg": _info("jpeg", 1800, 1200),
    "odd/Landscape_1.jpg": _info("jpeg", 1800, 1200),
    "odd/Landscape_2.jpg": _info("jpeg", 1800, 1200, orientation=2),
    "odd/Landscape_3.jpg": _info("jpeg", 1800, 1200, orientation=3),
    "odd/Landscape_4.jpg": _info("jpeg", 1800, 1200, orientation=4),
    "odd/Landscape_5.jpg": _info("jpeg", 1800, 1200, orientation=5),
    "odd/Landscape_6.jpg": _info("jpeg", 1800, 1200, orientation=6),
    "odd/Landscape_7.jpg": _info("jpeg", 1800, 1200, orientation=7),
    "odd/Landscape_8.jpg": _info("jpeg", 1800, 1200, orientation=8),
    "odd/Landscape_9.jpg": _info("jpeg", 480, 369, profile="sRGB"),
    "odd/MultipleFormats.tif": DamagedImage,
    "odd/Portrait_0.jpg": _info("jpeg", 1200, 1800),
    "odd/Portrait_1.jpg": _info("jpeg", 1200, 1800),
    "odd/Portrait_2.jpg": _info("jpeg", 1200, 1800, orientation=2),
    "odd/Portrait_3.jpg": _info("jpeg", 1200, 1800, orientation=3),
    "odd/Portrait_4.jpg": _info("jpeg", 1200, 1800, orientation=4),
    "odd/Portrait_5.jpg": _info("jpeg", 1200, 1800, orientation=5),
    "odd/Portrait_6.jpg": _info("jpeg", 1200, 1800, orientation=6),
    "odd/Portrait_7.jpg": _info("jpeg", 1200, 1800, orientation=7),
    "odd/Portrait_8.jpg": _info("jpeg", 1200, 1800, orientation=8),
    "odd/Rotating_earth_(large).gif": _info("gif", 400, 400, pages=44, has_alpha=True),
    "odd/alabama1_ap620%C3%A9.jpg": _info("jpeg", 300, 400),
    "odd/alpha-layer-1-fill.png": _info("png", 2048, 1536, has_alpha=True),
    "odd/animated-loop-3.webp": _info("webp", 370, 285, pages=10, has_alpha=True),
    "odd/animated-one-frame.gif": _info("gif", 100, 100),
    "odd/basn3p01.png": _info("png", 32, 32, profile="PNG gAMA and cHRM", is_srgb=False),
    "odd/big-height.webp": _info("webp", 13, 169, pages=99),
    "odd/blankpage.pdf": NotAnImage,
    "odd/dancing-banana.gif": _info("gif", 121, 128, pages=8, has_alpha=True),
    "odd/dispose-background.gif": _info("gif", 192, 168, pages=3, has_alpha=True),
    "odd/exif-xmp-metadata.jpg": _info("jpeg", 5, 5, interlaced=True),
    "odd/fox.profile2.12bpc.yuv422.monochrome.avif": _info("avif", 1204, 800, bit_depth=16),
    "odd/frame_size.mpo": _info("jpeg", 56, 70, profile="Display P3", is_srgb=False),
    "odd/full-transparent.png": _info("png", 300, 300, has_alpha=True),
    "odd/giant-image.jpg": ImageTooLarge,
    "odd/gopher-exif-orientation-cw90.png": _info("png", 2224, 1634, orientation=6, has_alpha=True),
    "odd/gopher-front.avif": _info("avif", 202, 259, has_alpha=True),
    "odd/grey-plus-alpha.gif": _info("gif", 2, 1, has_alpha=True),
    "odd/hopper.psd": UnsupportedFormat,
    "odd/hopper_orientation_3.webp": _info("webp", 128, 128, orientation=3),
    "odd/image%20space.jpg": _info("jpeg", 300, 400),
    "odd/indexed.png": _info("png", 290, 442),
    "odd/iptc.png": _info("png", 964, 964),
    "odd/logo.svg": UnsupportedFormat,
    "odd/long_description.jpg": _info("jpeg", 100, 73),
    "odd/multiple_entries_with_different_bit_depth.ico": _info("ico", 48, 48, has_alpha=True),
    "odd/ojpeg-strip.tif": DamagedImage,
    "odd/orientation-6.png": _info("png", 100, 200, orientation=6, has_alpha=True),
    "odd/rgba-interlaced.png": _info("png", 100, 100, has_alpha=True, interlaced=True),
    "odd/rot0mir0.avif": _info("avif", 640, 427),
    "odd/rot1mir0.avif": _info("avif", 640, 427),
    "odd/rot2mir0.avif": _info("avif", 640, 427),
    "odd/rot3mir0.avif": _info("avif", 640, 427),
    "odd/rot3mir1.avif": _info("avif", 640, 427),
    "odd/rotating-squares.gif": _info("gif", 80, 80, pages=30, has_alpha=True),
    "odd/sails.bmp": _info("bmp", 768, 512),
    "odd/sample.cur": UnsupportedFormat,
    "odd/single_point.jpg": _info("jpeg", 156, 42),
    "odd/star.avifs": UnsupportedFormat,
    "odd/struct-image-04-t.svg": UnsupportedFormat,
    "odd/subsampled.tif": _info("tiff", 250, 325, has_alpha=True),
    "odd/tbgn2c16.png": _info("png", 32, 32, has_alpha=True, bit_depth=16, profile="PNG gAMA and cHRM", is_srgb=False),
    "odd/test.svg": UnsupportedFormat,
    "odd/test1.arith.jpg": _info("jpeg", 10, 10, colour_space="grey"),
    "odd/ultrahdr.jpg": DamagedImage,
}
"""What `inspect` answers or raises. Where libvips and a viewer disagree, the comment says so."""

_ACCEPTED = sorted(name for name, outcome in EXPECTED.items() if isinstance(outcome, SourceInfo))
_LIKE_NO_VIEWER = {
    "bad/fuzz_72f18b59.jpg": "noise; decoders differ in what they make of it",
    "bad/issue_1455_undersized.gif": "the first frame covers a part of the canvas",
    "odd/fox.profile2.12bpc.yuv422.monochrome.avif": "12 bits",
    "odd/frame_size.mpo": "Display P3, which Pillow leaves as it is",
    "odd/Crémieux11.tiff": "a screen's profile, which Pillow leaves as it is",
    "odd/basn3p01.png": "states a gamma of 1, which Pillow leaves as it is",
    "odd/tbgn2c16.png": "states a gamma of 1 as well",
}
"""Where Pillow is no reference, and why."""


def _data(name: str) -> bytes:
    return (images.SHARED / name).read_bytes()


def test_every_file_has_an_expected_outcome():
    found = {f"{folder}/{path.name}" for folder in ("bad", "odd") for path in (images.SHARED / folder).iterdir()}
    assert found == set(EXPECTED)


@pytest.fixture(scope="module")
def pool() -> Iterator[RenderPool]:
    pool = RenderPool(PoolConfig(processes=1, limits=LIMITS))
    yield pool
    pool.stop()


def inspected(pool: RenderPool, name: str) -> SourceInfo:
    """In a child, as everywhere: a decoder that writes where it must not has ended a process of the tests, once in some
    fifty runs and then at one of the files that are there to crash decoders. A fresh child says what the file is."""
    try:
        return pool.inspect(_data(name))
    except ChildDied:
        return pool.inspect(_data(name))


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_inspecting_ends_as_expected(name, pool):
    expected = EXPECTED[name]
    if isinstance(expected, SourceInfo):
        assert inspected(pool, name) == expected
        return
    with pytest.raises(ImgoptError) as caught:
        inspected(pool, name)
    assert type(caught.value) is expected
    assert caught.value.message.endswith(".")
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("name", _ACCEPTED)
def test_what_is_accepted_renders_in_every_format(name):
    data = _data(name)
    bodies = {output: rendered(data, output, width=48, height=48).body for output in ENCODERS}
    sizes = {images.opened(body).size for body in bodies.values()}
    assert len(sizes) == 1
    reference = images.pixels_of(bodies["png"])
    for output, body in bodies.items():
        # A GIF's transparency is all or nothing, so shades of it become something else.
        limit = 40 if output == "gif" else 25
        assert images.difference(images.pixels_of(body), reference) < limit, output


@pytest.mark.parametrize("name", [name for name in _ACCEPTED if name not in _LIKE_NO_VIEWER])
def test_what_is_accepted_looks_as_in_another_decoder(name):
    data = _data(name)
    try:
        source = ImageOps.exif_transpose(Image.open(io.BytesIO(data)).convert("RGBA"))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, struct.error) as error:
        pytest.fail(f"Pillow does not open it: {error}")
    ground = Image.new("RGBA", source.size, (255, 255, 255, 255))
    flat = Image.alpha_composite(ground, source).convert("RGB")
    ours = rendered(data, width=48, height=48)
    expected = np.asarray(flat.resize((ours.width, ours.height), Image.Resampling.LANCZOS, reducing_gap=3.0))
    assert images.difference(images.pixels_of(ours.body), expected) < 8


@pytest.mark.parametrize("kind", ["Landscape", "Portrait"])
def test_all_orientations_of_a_photo_look_the_same(kind):
    bodies = [rendered(_data(f"odd/{kind}_{orientation}.jpg"), width=90).body for orientation in range(9)]
    assert len({images.opened(body).size for body in bodies}) == 1
    assert max(images.hash_distance(bodies[1], body) for body in bodies) <= 3


def test_a_place_in_a_camera_photo_is_gone_from_every_format():
    data = _data("photos/gps_exif_DSCN0010.jpg")
    assert b"NIKON" in data
    own = rendered(data, "png", source_formats=frozenset({"jpeg"}))
    assert own.passthrough
    made = [rendered(data, output, width=160) for output in ENCODERS]
    for body in (each.body for each in (own, *made)):
        assert not any(secret in body for secret in (b"NIKON", b"Exif", b"GPS", b"http://ns", b"acsp"))
