"""Copies to keep: exact sizes, a named format or the source's own, never larger where its bytes would do."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline import profiles
from pipeline.errors import BadParameter
from pipeline.export import FORMATS, can_keep_profile, export_request, output_format
from pipeline.header import read_header
from pipeline.limits import Limits
from pipeline.many import produce_each
from pipeline.params import PARAMETERS, canonical
from pipeline.passthrough import strip
from pipeline.render import render
from pipeline.rendition import Rendition
from pipeline.request import RenderRequest
from pipeline.source import SourceInfo
from pipeline.spec import TransformSpec
from tests import images
from tests.pipeline.asking import LIMITS, exported

_P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.3127, 0.3290))


def _info(source_format: str = "jpeg", width: int = 4000, height: int = 3000, **rest) -> SourceInfo:
    return SourceInfo(format=source_format, width=width, height=height, **rest)


def _asked(info: SourceInfo, **options) -> RenderRequest:
    return export_request(info, limits=LIMITS, **options)


def _optimised_png(image) -> bytes:
    """This will write a PNG as hard as Pillow can, which is harder than we try."""
    out = io.BytesIO()
    Image.fromarray(image.numpy()).save(out, "PNG", optimize=True)
    return out.getvalue()


@pytest.mark.parametrize(
    ("source_format", "pages", "expected"),
    [
        ("jpeg", 1, "jpeg"),
        ("png", 1, "png"),
        ("webp", 1, "webp"),
        ("webp", 5, "webp"),
        ("avif", 1, "avif"),
        ("gif", 1, "png"),
        ("gif", 5, "webp"),
        ("tiff", 1, "png"),
        ("tiff", 5, "png"),
        ("bmp", 1, "png"),
        ("ico", 1, "png"),
    ],
)
def test_without_a_format_it_is_the_sources_or_the_nearest_that_is_written(source_format, pages, expected):
    assert output_format(_info(source_format, pages=pages), None) == expected


@pytest.mark.parametrize("source_format", images.FORMATS)
@pytest.mark.parametrize("kind", FORMATS)
def test_every_source_becomes_every_format(source_format, kind):
    result = exported(images.encoded(images.quadrants(), source_format), format=kind)
    picture = images.opened(result.body)
    assert (picture.format, picture.size, result.format) == (kind.upper(), (64, 48), kind)
    assert images.are_near(
        images.corners_of(result.body), [images.RED, images.GREEN, images.BLUE, images.YELLOW], tolerance=40
    )


@pytest.mark.parametrize("word", ["JPEG", "jpg", "Jpg"])
def test_a_format_is_known_by_its_other_name_and_in_any_case(word):
    assert _asked(_info("png"), format=word).format == "jpeg"


@pytest.mark.parametrize(
    ("width", "height", "most", "expected"),
    [
        (4000, 3000, 1000, (1000, 750)),
        (3000, 4000, 1000, (750, 1000)),
        (1000, 1000, 333, (333, 333)),
        (1000, 667, 500, (500, 334)),  # 333.5, half up
        (1000, 666, 500, (500, 333)),
        (3000, 1, 100, (100, 1)),
        (640, 480, 640, (640, 480)),
        (640, 480, 5000, (640, 480)),
        (640, 480, 0, (640, 480)),
        (640, 480, 1, (1, 1)),
    ],
)
def test_the_longer_side_is_bounded_and_the_other_rounded(width, height, most, expected):
    result = exported(images.encoded(images.grey(width, height), "png"), max_dimension=most)
    assert (result.width, result.height) == expected


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_the_longer_side_is_that_of_the_upright_picture(orientation):
    result = exported(images.oriented(images.quadrants(80, 60), orientation), max_dimension=40)
    assert (result.width, result.height) == (40, 30)
    assert images.opened(result.body).size == (40, 30)


def test_what_is_larger_than_a_result_may_be_is_made_to_keep_the_limits():
    data = images.encoded(images.grey(300, 200), "png")
    small = Limits(max_output_side=100)
    sizes = [
        (one.width, one.height) for one in (exported(data, limits=small, max_dimension=most) for most in (0, 250, 90))
    ]
    assert sizes == [(100, 67), (100, 67), (90, 60)]
    few = exported(data, limits=Limits(max_output_megapixels=0.006), max_dimension=250)
    assert few.width * few.height <= 6000


@given(st.integers(1, 9000), st.integers(1, 9000), st.integers(0, 10_000))
def test_no_size_that_is_asked_for_is_too_large(width, height, most):
    from pipeline.geometry import plan

    request = _asked(_info(width=width, height=height), max_dimension=most)
    work = plan(request.spec, width=width, height=height, orientation=1, limits=LIMITS)
    assert work.output_width <= width
    assert work.output_height <= height
    if most:
        assert max(work.output_width, work.output_height) <= most


@pytest.mark.parametrize(
    "options",
    [
        {"format": "gif"},
        {"format": "bmp"},
        {"format": ""},
        {"format": "web p"},
        {"format": "x" * 10_000},
        {"max_dimension": -1},
        {"quality": 0},
        {"quality": 101},
    ],
)
def test_what_no_picture_could_make_right_is_refused_in_a_sentence(options):
    with pytest.raises(BadParameter) as refusal:
        _asked(_info(), **options)
    assert refusal.value.message.startswith("Expected ")
    assert len(refusal.value.message) < 200


def test_an_animation_stays_one_where_it_can():
    frames = [images.quadrants(40, 30), images.quadrants(40, 30).fliphor()]
    for source_format in ("gif", "webp"):
        data = images.animation(source_format, frames, delays=[50, 70])
        moving = exported(data, max_dimension=20)
        assert (moving.format, moving.pages) == ("webp", 2)
        assert getattr(images.opened(moving.body), "n_frames", 1) == 2
        for kind in ("jpeg", "png", "avif"):
            assert exported(data, format=kind).pages == 1


def test_alpha_becomes_white_in_jpeg_and_stays_elsewhere():
    data = images.encoded(images.quadrants(alpha=0), "png")
    white = images.pixels_of(exported(data, format="jpeg").body)[5, 60]
    assert (white > 250).all()
    for kind in ("png", "webp", "avif"):
        assert images.pixels_of(exported(data, format=kind).body, mode="RGBA")[5, 60, 3] == 0


@pytest.mark.parametrize("kind", ["jpeg", "webp", "avif"])
def test_a_higher_quality_weighs_more(kind):
    data = images.encoded(images.scene(320, 240), "png")
    sizes = [len(exported(data, format=kind, quality=quality).body) for quality in (30, 60, 90)]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == 3


@pytest.mark.parametrize("keep", [False, True])
def test_a_png_that_is_written_better_than_we_do_stays_as_it_is(keep):
    data = _optimised_png(images.scene(320, 240))
    assert len(exported(data, format="png", keep_metadata=keep).body) <= len(data)


def test_a_png_that_would_grow_in_srgb_keeps_its_colours_but_not_its_metadata():
    y, x = np.mgrid[0:256, 0:256]
    even = images.from_pixels(np.stack([x, y, x ^ y], axis=2).astype(np.uint8))  # in P3 as even as a table
    profile = profiles.build("P3", _P3, profiles.srgb)
    out = io.BytesIO()
    Image.fromarray(even.numpy()).save(out, "PNG", optimize=True, icc_profile=profile)
    data = images.with_png_chunk(out.getvalue(), b"tEXt", b"Comment\0SECRET")
    result = exported(data)
    assert result.passthrough
    assert len(result.body) < len(data)
    assert b"SECRET" not in result.body
    assert images.opened(result.body).info["icc_profile"] == profile
    request = export_request(read_header(data, LIMITS), limits=LIMITS)
    assert len(render(data, replace(request, own_colours=False)).body) > len(data)


def test_an_optimised_jpeg_is_not_made_larger():
    data = images.encoded(images.scene(320, 240), "jpeg", Q=30, optimize_coding=True, interlace=True, keep=0)
    for quality in (None, 95):
        result = exported(data, quality=quality)
        assert (result.passthrough, result.body) == (True, strip(data, "jpeg"))


def test_a_lower_quality_of_a_jpeg_is_heard():
    data = images.encoded(images.scene(320, 240), "jpeg", Q=95)
    assert len(exported(data, quality=40).body) < len(data) / 2


def test_a_profile_is_kept_only_where_the_format_can_hold_it():
    kept = {
        (space, kind)
        for space in ("rgb", "grey", "cmyk", "lab")
        for kind in FORMATS
        if can_keep_profile(_info(colour_space=space, profile="Some profile", is_srgb=False), kind)
    }
    assert kept == {
        *(("rgb", kind) for kind in FORMATS),
        ("grey", "jpeg"),
        ("grey", "png"),
        ("cmyk", "jpeg"),
    }


@pytest.mark.parametrize(
    "odd", [{"bit_depth": 32}, {"colour_space": "cmyk"}, {"colour_space": "cmyk", "bit_depth": 16}]
)
def test_floating_point_and_print_colours_without_a_profile_become_srgb(odd):
    assert not can_keep_profile(_info(**odd), "jpeg")


def test_keeping_metadata_is_no_parameter_of_a_url_and_changes_no_canonical_text():
    plain, keeping = (_asked(_info(), keep_metadata=keep).spec for keep in (False, True))
    assert plain != keeping
    assert canonical(plain) == canonical(keeping) == "fm=jpeg"
    assert not {"keep_metadata", "keep_profile"}.intersection(row.field for row in PARAMETERS)
    assert (TransformSpec().keep_metadata, TransformSpec().keep_profile) == (False, False)


@pytest.mark.parametrize("space", ["P3", "CMYK"])
def test_copies_made_together_are_those_that_are_made_alone(space):
    if space == "P3":
        profile = profiles.build("P3", _P3, profiles.srgb)
        data = images.encoded(images.with_profile(images.scene(160, 120), profile), "jpeg")
    else:
        data = images.print_photo()
    info = read_header(data, LIMITS)
    requests = [
        export_request(info, format=kind, max_dimension=most, keep_metadata=keep, limits=LIMITS)
        for kind in FORMATS
        for most in (0, 80)
        for keep in (True, False)
    ]
    together = produce_each(data, requests)
    alone = [render(data, request) for request in requests]
    assert [isinstance(one, Rendition) and one.body for one in together] == [one.body for one in alone]
