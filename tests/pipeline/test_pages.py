"""One page of a file that has several."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from pipeline.errors import BadParameter, ImageTooLarge
from pipeline.limits import DEFAULT_MAX_MEGAPIXELS, Limits
from tests import images
from tests.pipeline.asking import rendered

_FRAMES = [images.quadrants(80, 60), images.quadrants(80, 60).fliphor(), images.quadrants(80, 60).flipver()]
_TOP_LEFT = [images.RED, images.GREEN, images.BLUE]


def tiff() -> bytes:
    out = io.BytesIO()
    pages = [Image.fromarray(picture.numpy()) for picture in (*_FRAMES[:2], images.grey(200, 100))]
    pages[0].save(out, "TIFF", save_all=True, append_images=pages[1:])
    return out.getvalue()


@pytest.mark.parametrize("source_format", ["gif", "webp"])
@pytest.mark.parametrize("output_format", ["gif", "webp", "png"])
@pytest.mark.parametrize("page", [1, 2, 3])
def test_a_frame_of_an_animation_is_a_still(source_format, output_format, page):
    result = rendered(images.animation(source_format, _FRAMES), output_format, page=page)
    assert (result.width, result.height, result.pages) == (80, 60, 1)
    assert getattr(images.opened(result.body), "n_frames", 1) == 1
    assert images.are_near([images.corners_of(result.body)[0]], [_TOP_LEFT[page - 1]], tolerance=40)


@pytest.mark.parametrize(("page", "size"), [(None, (80, 60)), (1, (80, 60)), (2, (80, 60)), (3, (200, 100))])
def test_each_page_of_a_tiff_has_its_own_size(page, size):
    result = rendered(tiff(), page=page)
    assert (result.width, result.height) == size


def test_a_frame_is_worked_on_as_any_picture():
    frame = images.quadrants(80, 60).embed(10, 5, 100, 70, extend="background", background=[250, 250, 250])
    data = images.animation("webp", [images.grey(100, 70).colourspace("srgb"), frame])
    result = rendered(data, page=2, trim=20, rotate=180, width=40)
    assert (result.width, result.height) == (40, 30)
    assert images.are_near([images.corners_of(result.body)[0]], [images.YELLOW], tolerance=20)


@pytest.mark.parametrize("source_format", images.FORMATS)
def test_every_still_has_a_first_page_and_no_second(source_format):
    data = images.encoded(images.quadrants(), source_format)
    assert np.array_equal(images.pixels_of(rendered(data, page=1).body), images.pixels_of(rendered(data).body))
    with pytest.raises(BadParameter) as refused:
        rendered(data, page=2)
    assert refused.value.message == "Expected a page that the picture has, 1 to 1, for page, received '2'."


def test_a_page_beyond_the_last_is_refused():
    with pytest.raises(BadParameter, match=r"1 to 3, for page, received '4'"):
        rendered(images.animation("gif", _FRAMES), page=4)
    with pytest.raises(BadParameter, match="received '100000'"):
        rendered(tiff(), page=100_000)


def test_a_large_page_behind_a_small_one_is_refused():
    limits = Limits(max_megapixels={**DEFAULT_MAX_MEGAPIXELS, "tiff": 0.016})
    assert rendered(tiff(), page=2, limits=limits).width == 80
    with pytest.raises(ImageTooLarge, match="200x100"):
        rendered(tiff(), page=3, limits=limits)


def test_an_animation_is_not_served_where_one_of_its_frames_is_asked_for():
    data = images.animation("webp", _FRAMES)
    formats = frozenset({"webp"})
    assert rendered(data, "gif", source_formats=formats).passthrough
    assert not rendered(data, "gif", source_formats=formats, page=1).passthrough
