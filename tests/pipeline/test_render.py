"""The whole way from bytes to a rendition."""

from __future__ import annotations

import io
import pickle
from importlib.metadata import version
from typing import get_args

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps, ImageSequence

from pipeline.errors import BadParameter, DamagedImage, ImageTooLarge, OutputTooLarge, UnsupportedFormat
from pipeline.limits import DEFAULT_MAX_MEGAPIXELS, Limits
from pipeline.render import RenderRequest
from pipeline.spec import Format, Rect, TransformSpec
from pipeline.version import PIPELINE_VERSION, fingerprint
from tests import images
from tests.pipeline.asking import LIMITS, rendered

_FRAMES = [images.quadrants(80, 60), images.quadrants(80, 60).fliphor(), images.quadrants(80, 60).flipver()]
_DELAYS = [50, 200, 1000]


def _frames_of(body: bytes) -> list[images.Pixels]:
    return [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(Image.open(io.BytesIO(body)))]


def _delays_of(body: bytes) -> list[int]:
    delays = []
    for frame in ImageSequence.Iterator(Image.open(io.BytesIO(body))):
        frame.load()  # only then does Pillow know how long a WebP frame is shown
        delays.append(int(frame.info["duration"]))
    return delays


@pytest.mark.parametrize("output_format", get_args(Format))
@pytest.mark.parametrize("width", [None, 24])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_file_says_no_turn_that_its_pixels_have_had(orientation, width, output_format):
    result = rendered(images.oriented(images.quadrants(), orientation), output_format, width=width)
    # Of an AVIF's own turn (irot, imir) Pillow makes an EXIF orientation, and browsers turn by it.
    shown = ImageOps.exif_transpose(images.opened(result.body))
    assert shown.size == (result.width, result.height)
    assert images.are_near(
        images.corners_of(images.as_png(shown)), [images.RED, images.GREEN, images.BLUE, images.YELLOW], tolerance=40
    )
    assert images.opened(result.body).getexif().get(ExifTags.Base.Orientation, 1) == 1


@pytest.mark.parametrize("output_format", ["gif", "webp"])
@pytest.mark.parametrize("source_format", ["gif", "webp"])
def test_animations_stay_animated_with_their_delays_and_loops(source_format, output_format):
    data = images.animation(source_format, _FRAMES, delays=_DELAYS, loop=3)
    result = rendered(data, output_format, width=40)
    assert (result.width, result.height, result.pages) == (40, 30, 3)
    found = _frames_of(result.body)
    for frame, source in zip(found, _FRAMES, strict=True):
        expected = np.asarray(Image.fromarray(source.numpy()).resize((40, 30), Image.Resampling.LANCZOS))
        assert images.difference(frame, expected) < 9
    assert _delays_of(result.body) == _DELAYS
    # GIF counts repetitions (its writers put one less than the plays), WebP counts plays.
    assert images.opened(result.body).info["loop"] in (2, 3)


@pytest.mark.parametrize("output_format", ["avif", "jpeg", "png"])
@pytest.mark.parametrize("source_format", ["gif", "webp"])
def test_animations_become_their_first_frame_elsewhere(source_format, output_format):
    result = rendered(images.animation(source_format, _FRAMES), output_format)
    assert (result.width, result.height, result.pages) == (80, 60, 1)
    assert getattr(images.opened(result.body), "n_frames", 1) == 1
    assert images.are_near(
        images.corners_of(result.body), [images.RED, images.GREEN, images.BLUE, images.YELLOW], tolerance=40
    )


def test_every_step_is_done_to_every_frame():
    data = images.animation("gif", _FRAMES)
    result = rendered(
        data, "webp", rect=Rect(left=0, top=0, width=40, height=60), rotate=90, width=30, height=20, fit="crop",
        blur=5, sharpen=10, pad=2, background=(9, 9, 9, 255), quality=95,
    )  # fmt: skip
    assert (result.width, result.height, result.pages) == (34, 24, 3)
    frames = _frames_of(result.body)
    tops = [tuple(int(value) for value in frame[12, 6]) for frame in frames]
    assert images.are_near(tops, [images.RED, images.GREEN, images.BLUE], tolerance=45)
    assert all(images.are_near([frame[0, 0], frame[23, 33]], [(9, 9, 9)] * 2, tolerance=20) for frame in frames)


def test_a_content_aware_crop_lies_at_the_same_place_in_every_frame():
    frames = []
    for shift in (10, 200):
        pixels = np.full((60, 300, 3), 128, np.uint8)
        pixels[10:50, shift : shift + 40] = images.scene(40, 40, seed=shift).numpy()
        frames.append(images.from_pixels(pixels))
    result = rendered(images.animation("webp", frames), "webp", width=60, height=60, fit="crop", gravity="entropy")
    first, second = _frames_of(result.body)
    assert np.abs(first.astype(int) - 128).max() > 60
    assert np.abs(second.astype(int) - 128).max() < 40


def test_transparent_animations_stay_transparent():
    frames = [images.quadrants(alpha=0), images.quadrants(alpha=0).flipver()]
    for output_format in ("gif", "webp"):
        result = rendered(images.animation("gif", frames), output_format, width=32)
        for frame in ImageSequence.Iterator(Image.open(io.BytesIO(result.body))):
            alpha = np.asarray(frame.convert("RGBA"))[..., 3]
            assert (alpha[12, 4], alpha[12, 28]) == (255, 0)


def test_all_frames_together_count_against_the_output_limit():
    data = images.animation("gif", _FRAMES)
    limits = Limits(max_output_megapixels=0.01)
    assert rendered(data, "png", limits=limits).pages == 1
    with pytest.raises(OutputTooLarge, match="3 frames"):
        rendered(data, "webp", limits=limits)


def test_the_first_page_of_a_tiff_is_shown():
    out = io.BytesIO()
    first, second = (Image.fromarray(picture.numpy()) for picture in (images.quadrants(), images.grey(200, 100)))
    first.save(out, "TIFF", save_all=True, append_images=[second])
    for output_format in ("webp", "gif"):
        result = rendered(out.getvalue(), output_format)
        assert (result.width, result.height, result.pages) == (64, 48, 1)


def test_limits_hold_for_rendering_too():
    data = images.encoded(images.scene(), "png")
    with pytest.raises(ImageTooLarge):
        rendered(data, limits=Limits(max_megapixels={**DEFAULT_MAX_MEGAPIXELS, "png": 0.001}))
    with pytest.raises(OutputTooLarge):
        rendered(data, width=1000, enlarge=True, limits=Limits(max_output_side=999))


def test_errors_are_named():
    with pytest.raises(UnsupportedFormat):
        rendered(b"%PDF-1.7")
    with pytest.raises(DamagedImage):
        rendered(images.encoded(images.scene(), "jpeg")[:2000])
    with pytest.raises(BadParameter):
        rendered(images.encoded(images.scene(), "jpeg"), rect=Rect(left=500, top=0, width=1, height=1))


@pytest.mark.parametrize("source_format", ["png", "jpeg", "webp"])
def test_a_damaged_source_is_found_while_rendering(source_format):
    data = images.encoded(images.scene(), source_format)
    with pytest.raises(DamagedImage):
        rendered(data[: len(data) * 3 // 4], width=40)


def test_requests_and_renditions_cross_between_processes():
    request = RenderRequest(spec=TransformSpec(width=10), format="webp", limits=LIMITS)
    result = rendered(images.encoded(images.scene(), "jpeg"), "webp", width=10)
    assert pickle.loads(pickle.dumps(request)) == request
    assert pickle.loads(pickle.dumps(result)) == result


def test_the_same_request_makes_the_same_bytes():
    data = images.encoded(images.scene(), "jpeg")
    for output_format in ("webp", "avif", "jpeg", "png"):
        assert rendered(data, output_format, width=50).body == rendered(data, output_format, width=50).body


@pytest.mark.parametrize("output_format", get_args(Format))
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_one_pixel_is_a_picture(bands, output_format):
    pixel = images.from_pixels(np.full((1, 1, bands), 99, np.uint8))
    assert images.opened(rendered(images.encoded(pixel, "png"), output_format).body).size == (1, 1)


def test_the_fingerprint_names_the_pipeline_and_the_encoders():
    assert fingerprint().startswith(f"{PIPELINE_VERSION}/")
    assert version("pyvips-binary") in fingerprint()
