"""Where to cut and how much to scale, as tables and as relations that hold for every size."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import BadParameter, OutputTooLarge
from pipeline.geometry import Plan, Size, plan
from pipeline.limits import Limits
from pipeline.params import parse
from pipeline.spec import Rect, TransformSpec

LIMITS = Limits()
Flip = Literal["", "h", "v", "hv"]
FLIPS: tuple[Flip, ...] = ("", "h", "v", "hv")
TURNS = [(rotate, flip) for rotate in (0, 90, 180, 270) for flip in FLIPS]


def planned(spec: TransformSpec, width: int, height: int, orientation: int = 1, limits: Limits = LIMITS) -> Plan:
    return plan(spec, width=width, height=height, orientation=orientation, limits=limits)


def asked(text: str, width: int, height: int, orientation: int = 1) -> Plan:
    """The plan for the text of a URL, such as `w=400&fit=crop`."""
    pairs = [(name, value) for name, _, value in (pair.partition("=") for pair in text.split("&") if pair)]
    return planned(parse(pairs), width, height, orientation)


def sizes(result: Plan) -> tuple[Size, Size, Size]:
    """Scaled, kept, output."""
    return (
        (result.scaled_width, result.scaled_height),
        (result.picture_width, result.picture_height),
        (result.output_width, result.output_height),
    )


# (mode, source, enlarge) → scaled, kept, output, for w=400&h=300
WIDE, SMALL, TALL, SAME = (1000, 500), (200, 100), (300, 900), (800, 600)
BOX = (400, 300)
EXPECTED: dict[tuple[str, Size], tuple[tuple[Size, Size, Size], tuple[Size, Size, Size]]] = {
    ("clip", WIDE): (((400, 200),) * 3, ((400, 200),) * 3),
    ("clip", SMALL): (((200, 100),) * 3, ((400, 200),) * 3),
    ("clip", TALL): (((100, 300),) * 3, ((100, 300),) * 3),
    ("clip", SAME): ((BOX,) * 3, (BOX,) * 3),
    ("crop", WIDE): (((600, 300), BOX, BOX), ((600, 300), BOX, BOX)),
    ("crop", SMALL): (((200, 100), (133, 100), (133, 100)), ((600, 300), BOX, BOX)),
    ("crop", TALL): (((300, 900), (300, 225), (300, 225)), ((400, 1200), BOX, BOX)),
    ("crop", SAME): ((BOX,) * 3, (BOX,) * 3),
    ("fill", WIDE): (((400, 200), (400, 200), BOX), ((400, 200), (400, 200), BOX)),
    ("fill", SMALL): (((200, 100), (200, 100), BOX), ((400, 200), (400, 200), BOX)),
    ("fill", TALL): (((100, 300), (100, 300), BOX), ((100, 300), (100, 300), BOX)),
    ("fill", SAME): ((BOX,) * 3, (BOX,) * 3),
    ("scale", WIDE): ((BOX,) * 3, (BOX,) * 3),
    ("scale", SMALL): (((200, 100),) * 3, (BOX,) * 3),
    ("scale", TALL): (((300, 300),) * 3, (BOX,) * 3),
    ("scale", SAME): ((BOX,) * 3, (BOX,) * 3),
    ("outside", WIDE): (((600, 300),) * 3, ((600, 300),) * 3),
    ("outside", SMALL): (((200, 100),) * 3, ((600, 300),) * 3),
    ("outside", TALL): (((300, 900),) * 3, ((400, 1200),) * 3),
    ("outside", SAME): ((BOX,) * 3, (BOX,) * 3),
}
WORDS = {
    "clip": ["clip", "inside"],
    "crop": ["crop", "cover"],
    "fill": ["fill", "contain"],
    "scale": ["scale"],
    "outside": ["outside"],
}
NEVER_ENLARGES = {"clip": "max", "crop": "min", "fill": "fillmax"}


@pytest.mark.parametrize(("mode", "source"), EXPECTED)
def test_every_word_of_a_fit_gives_the_sizes_of_the_table(mode: str, source: Size):
    kept, enlarged = EXPECTED[mode, source]
    for word in WORDS[mode]:
        assert sizes(asked(f"w=400&h=300&fit={word}", *source)) == kept
        assert sizes(asked(f"w=400&h=300&fit={word}&enlarge=1", *source)) == enlarged


@pytest.mark.parametrize(("mode", "source"), [case for case in EXPECTED if case[0] in NEVER_ENLARGES])
def test_the_max_and_min_words_do_not_hear_enlarge(mode: str, source: Size):
    assert sizes(asked(f"w=400&h=300&fit={NEVER_ENLARGES[mode]}&enlarge=1", *source)) == EXPECTED[mode, source][0]


@pytest.mark.parametrize(
    ("text", "source", "output"),
    [
        ("", (1000, 500), (1000, 500)),
        ("w=400", (1000, 500), (400, 200)),
        ("h=100", (1000, 500), (200, 100)),
        ("w=400", (200, 100), (200, 100)),
        ("w=400&enlarge=1", (200, 100), (400, 200)),
        ("w=400&fit=crop", (1000, 500), (400, 200)),
        ("w=400&fit=fill", (1000, 500), (400, 200)),
        ("w=400&fit=scale", (1000, 500), (400, 200)),
        ("w=3", (200, 100), (3, 2)),  # 1.5 px, half up
        ("w=5", (200, 10), (5, 1)),  # 0.25 px, and never nothing
        ("w=400&ar=1:1&fit=crop", (1000, 500), (400, 400)),
        ("h=100&ar=16:9&fit=crop", (1000, 500), (178, 100)),
        ("w=400&h=100&ar=1:1&fit=crop", (1000, 500), (400, 100)),
        ("ar=1:1&fit=crop", (1000, 500), (500, 500)),
        ("ar=4:1&fit=crop", (1000, 500), (1000, 250)),
        ("ar=2:1&fit=crop", (1000, 500), (1000, 500)),
        ("ar=1:1&fit=crop&rot=90", (1000, 500), (500, 500)),
        ("ar=1:1", (1000, 500), (500, 250)),
        ("ar=1:100&fit=crop", (10, 10), (1, 10)),
        ("rot=90", (1000, 500), (500, 1000)),
        ("rot=180&flip=hv", (1000, 500), (1000, 500)),
        ("w=250&rot=270", (1000, 500), (250, 500)),
        ("rect=100,100,300,200", (1000, 500), (300, 200)),
        ("rect=900,400,300,200", (1000, 500), (100, 100)),
        ("rect=100,100,300,200&w=600", (1000, 500), (300, 200)),
        ("rect=100,100,300,200&rot=90&w=100", (1000, 500), (100, 150)),
        ("w=400&pad=10", (1000, 500), (420, 220)),
        ("w=400&h=300&fit=fill&pad=10", (1000, 500), (420, 320)),
    ],
)
def test_the_output_has_the_size_of_the_table(text: str, source: Size, output: Size):
    assert sizes(asked(text, *source))[2] == output


@pytest.mark.parametrize("fit", ["clip", "crop", "fill", "scale", "outside"])
@pytest.mark.parametrize("source", [(1, 8192), (8192, 1), (1, 1), (2, 3)])
@pytest.mark.parametrize("box", ["w=1&h=8192", "w=8192&h=1", "w=1&h=1", "w=400&h=300", "ar=100:1", "ar=1:100&w=9"])
def test_extreme_ratios_give_at_least_one_pixel_and_nothing_larger_than_the_source(fit: str, source: Size, box: str):
    result = asked(f"{box}&fit={fit}", *source)
    assert 1 <= result.scaled_width <= source[0]
    assert 1 <= result.scaled_height <= source[1]
    assert 1 <= result.picture_width <= result.scaled_width
    assert 1 <= result.picture_height <= result.scaled_height


def test_a_clip_of_a_strip_keeps_the_strip():
    assert sizes(asked("w=400&h=300", 1, 8192))[2] == (1, 300)
    assert sizes(asked("w=400&h=300", 8192, 1))[2] == (400, 1)


# Gravity


@pytest.mark.parametrize(
    ("gravity", "corner"),
    [
        ("centre", (100, 0)),
        ("west", (0, 0)),
        ("left", (0, 0)),
        ("e", (200, 0)),
        ("north", (100, 0)),
        ("top,right", (200, 0)),
        ("sw", (0, 0)),
    ],
)
def test_gravity_places_the_crop_across(gravity: str, corner: Size):
    crop = asked(f"w=400&h=300&fit=crop&crop={gravity}", *WIDE).crop
    assert crop == Rect(left=corner[0], top=corner[1], width=400, height=300)


@pytest.mark.parametrize(
    ("gravity", "top"), [("n", 0), ("top,left", 0), ("centre", 450), ("w", 450), ("south", 900), ("bottom,right", 900)]
)
def test_gravity_places_the_crop_down(gravity: str, top: int):
    crop = asked(f"w=400&h=300&fit=crop&enlarge=1&crop={gravity}", *TALL).crop
    assert crop == Rect(left=0, top=top, width=400, height=300)


@pytest.mark.parametrize(
    ("gravity", "place"), [("centre", (0, 50)), ("north", (0, 0)), ("south", (0, 100)), ("focal", (0, 50))]
)
def test_gravity_places_a_letterboxed_picture(gravity: str, place: Size):
    result = asked(f"w=400&h=300&fit=fill&crop={gravity}", *WIDE)
    assert (result.picture_left, result.picture_top) == place
    assert result.letterboxes
    assert result.crop is None


@pytest.mark.parametrize("word", ["attention", "entropy"])
def test_a_smart_crop_gives_the_size_and_leaves_the_place_to_the_pixels(word: str):
    result = asked(f"w=400&h=300&fit=crop&crop={word}", *WIDE)
    assert result.smart_crop == word
    assert result.crop is not None
    assert (result.crop.width, result.crop.height) == (400, 300)
    assert asked(f"w=400&h=300&fit=crop&crop={word}", *SAME).smart_crop is None


def test_without_a_focal_point_a_crop_keeps_the_centre():
    assert asked("w=401&h=300&fit=crop", *WIDE).crop == asked("w=401&h=300&fit=crop&crop=centre", *WIDE).crop


@pytest.mark.parametrize(("x", "left"), [("0", 0), ("0.1", 0), ("0.5", 100), ("0.75", 200), ("0.9", 200), ("1", 200)])
def test_a_focal_point_lies_in_the_middle_of_the_crop_or_as_near_as_can_be(x: str, left: int):
    crop = asked(f"w=400&h=300&fit=crop&fp-x={x}", *WIDE).crop
    assert crop is not None
    assert crop.left == left  # 600 px wide after scaling


def test_a_focal_point_is_seen_through_the_rect():
    crop = asked("rect=500,0,500,500&w=100&h=500&fit=crop&fp-x=0.75&fp-y=0.5", 1000, 500).crop
    assert crop == Rect(left=200, top=0, width=100, height=500)
    beside = asked("rect=500,0,500,500&w=100&h=500&fit=crop&fp-x=0.2&fp-y=0.5", 1000, 500).crop
    assert beside == Rect(left=0, top=0, width=100, height=500)


@pytest.mark.parametrize(("rotate", "flip"), TURNS)
@pytest.mark.parametrize("spot", [(10, 15), (70, 15), (35, 20), (3, 39), (79, 0)])
def test_a_crop_keeps_the_focal_point_through_every_turn(rotate: int, flip: Flip, spot: Size):
    picture = np.zeros((40, 80), dtype=np.uint8)
    picture[spot[1], spot[0]] = 1
    picture = np.rot90(picture, rotate // 90)
    picture = np.fliplr(picture) if "h" in flip else picture
    picture = np.flipud(picture) if "v" in flip else picture
    spec = TransformSpec(
        aspect_ratio=(1, 1), fit="crop", rotate=rotate, flip=flip, focal_x=(spot[0] + 0.5) / 80, focal_y=0.5
    )
    wide = planned(spec, 80, 40).crop
    assert wide is not None
    kept = picture[wide.top : wide.top + wide.height, wide.left : wide.left + wide.width]
    assert kept.shape == (40, 40)
    assert kept.sum() == 1
    high = planned(replace(spec, aspect_ratio=(100, 1), focal_x=0.5, focal_y=(spot[1] + 0.5) / 40), 80, 40).crop
    assert high is not None
    assert picture[high.top : high.top + high.height].any() or picture[:, high.left : high.left + high.width].any()


# The stored picture


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("rotate", [0, 90])
def test_the_scaled_size_is_given_as_stored(orientation: int, rotate: int):
    result = asked(f"rot={rotate}&w=100", 1000, 500, orientation)
    assert (result.scaled_width, result.scaled_height) == ((100, 50) if rotate == 0 else (100, 200))
    stored = (1000, 500) if orientation < 5 else (500, 1000)
    assert (result.stored_width, result.stored_height) == stored
    shrink = 10 if rotate == 0 else 5
    assert (result.stored_scaled_width, result.stored_scaled_height) == (stored[0] // shrink, stored[1] // shrink)


def test_an_area_is_named_only_when_something_is_cut():
    assert asked("w=400", *WIDE).area is None
    assert asked("rect=0,0,1000,500", *WIDE).area is None
    assert asked("rect=0,0,5000,5000", *WIDE).area is None
    assert asked("rect=0,0,999,500", *WIDE).area == Rect(left=0, top=0, width=999, height=500)


def test_a_rect_beside_the_picture_is_refused_with_its_size():
    with pytest.raises(BadParameter, match="1000 × 500 px, for rect, received '1000,0,10,10'"):
        asked("rect=1000,0,10,10", *WIDE)
    assert asked("rect=999,499,10,10", *WIDE).output_width == 1


# What is done at all


@pytest.mark.parametrize("text", ["", "w=1000", "w=2000&h=2000", "fit=crop&w=1000&h=500", "q=80&fm=png&bg=red&trim=9"])
def test_a_plan_without_work_is_the_identity(text: str):
    assert asked(text, *WIDE).is_identity


@pytest.mark.parametrize(
    "text",
    [
        "w=999",
        "rot=90",
        "flip=h",
        "blur=1",
        "sharp=1",
        "pad=1",
        "rect=0,0,10,10",
        "w=2000&enlarge=1",
        "ar=1:1&fit=crop",
        "w=1000&h=600&fit=fill",
    ],
)
def test_a_plan_with_work_is_not_the_identity(text: str):
    assert not asked(text, *WIDE).is_identity


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_picture_stored_askew_is_not_the_identity(orientation: int):
    assert not asked("", *WIDE, orientation).is_identity


def test_a_square_turned_by_orientation_needs_no_scaling():
    assert not asked("w=500&h=1000", 500, 1000, 6).scales


def test_blur_sharpening_and_colour_are_handed_on():
    result = asked("blur=7&sharp=8&bg=red&pad=9&flip=v", *WIDE)
    assert (result.spec.blur, result.spec.sharpen, result.spec.background) == (7, 8, (255, 0, 0, 255))
    assert (result.spec.pad, result.flip) == (9, "v")


def test_a_spec_that_is_not_resolved_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="dpr 2"):
        asked("w=10&dpr=2", *WIDE)


# Limits


@pytest.mark.parametrize(
    ("text", "source", "sentence"),
    [
        ("w=8192&h=8192&fit=fill", WIDE, r"40 megapixels, and 8192 × 8192 px \(67.1 megapixels\)"),
        ("w=8192&enlarge=1&pad=1", WIDE, r"8192 px a side and 40 megapixels, and 8194 × 4098 px"),
        ("fit=outside&w=8192&h=10&enlarge=1", TALL, "8192 × 24576 px"),
        ("w=400&h=300&fit=outside", (1, 65535), "1 × 65535 px"),
        ("fit=crop&w=400&h=300&enlarge=1", (1, 8192), "160 megapixels before its crop, and 400 × 3276800 px"),
    ],
)
def test_an_output_beyond_the_limits_is_refused_with_both_numbers(text: str, source: Size, sentence: str):
    with pytest.raises(OutputTooLarge, match=sentence):
        asked(text, *source)


def test_a_large_crop_may_be_cut_from_an_enlarged_picture():
    assert sizes(asked("fit=crop&w=8000&h=4000&enlarge=1", 4000, 1000)) == ((16000, 4000), (8000, 4000), (8000, 4000))


def test_an_output_at_the_limits_is_made():
    exact = Limits(max_output_side=100, max_output_megapixels=0.01)
    assert planned(TransformSpec(width=100, height=100, fit="fill"), 10, 10, limits=exact).output_width == 100
    with pytest.raises(OutputTooLarge):
        planned(TransformSpec(width=100, height=101, fit="fill"), 10, 10, limits=exact)
    with pytest.raises(OutputTooLarge):
        planned(TransformSpec(width=100, height=100, fit="fill", pad=1), 10, 10, limits=exact)


@pytest.mark.parametrize(
    ("text", "source", "output"),
    [
        ("", (16384, 1000), (8192, 500)),
        ("", (1, 65535), (1, 8192)),
        ("", (10_000, 10_000), (6324, 6324)),
        ("fit=crop", (10_000, 10_000), (6324, 6324)),
        ("pad=96", (16384, 1000), (8192, 680)),
        ("ar=1:1&fit=crop", (12_000, 8000), (6324, 6324)),
        ("rot=90", (16384, 1000), (500, 8192)),
        ("rect=0,0,8192,1000", (16384, 1000), (8192, 1000)),
    ],
)
def test_a_size_nobody_asked_for_is_made_smaller_to_keep_the_limits(text: str, source: Size, output: Size):
    assert sizes(asked(text, *source))[2] == output


# For every size

sides = st.one_of(st.integers(1, 40), st.integers(1, 70_000))
lengths = st.one_of(st.none(), st.integers(1, 8192))
specs = st.builds(
    TransformSpec,
    width=lengths,
    height=lengths,
    fit=st.sampled_from(["clip", "crop", "fill", "scale", "outside"]),
    enlarge=st.booleans(),
    gravity=st.sampled_from(["centre", "north", "southeast", "west", "attention", "focal"]),
    focal_x=st.one_of(st.none(), st.floats(0, 1)),
    focal_y=st.one_of(st.none(), st.floats(0, 1)),
    aspect_ratio=st.one_of(st.none(), st.sampled_from([(1, 1), (16, 9), (1, 100), (100, 1)])),
    rect=st.one_of(
        st.none(),
        st.builds(Rect, left=st.just(0), top=st.integers(0, 3), width=sides, height=sides),
    ),
    rotate=st.sampled_from([0, 90, 180, 270]),
    flip=st.sampled_from(["", "h", "v", "hv"]),
    pad=st.integers(0, 9),
)


@settings(derandomize=True, deadline=None, max_examples=400)
@given(specs, sides, sides, st.integers(1, 8))
def test_every_plan_keeps_its_parts_inside_each_other(
    spec: TransformSpec, width: int, height: int, orientation: int
) -> None:
    try:
        result = planned(spec, width, height, orientation)
    except (OutputTooLarge, BadParameter):
        return
    stored = (width, height) if orientation < 5 else (height, width)
    area = result.area or Rect(left=0, top=0, width=stored[0], height=stored[1])
    assert min(area.left, area.top) >= 0
    assert area.left + area.width <= stored[0]
    assert area.top + area.height <= stored[1]
    assert (result.stored_width, result.stored_height) == (area.width, area.height)

    crop = result.crop or Rect(left=0, top=0, width=result.scaled_width, height=result.scaled_height)
    assert min(crop.left, crop.top) >= 0
    assert min(crop.width, crop.height) >= 1
    assert crop.left + crop.width <= result.scaled_width
    assert crop.top + crop.height <= result.scaled_height

    assert min(result.picture_left, result.picture_top) >= 0
    assert result.picture_left + result.picture_width <= result.canvas_width
    assert result.picture_top + result.picture_height <= result.canvas_height

    assert max(result.output_width, result.output_height) <= LIMITS.max_output_side
    assert result.output_width * result.output_height <= LIMITS.max_output_megapixels * 1e6
    if not spec.enlarge:
        assert result.stored_scaled_width <= area.width
        assert result.stored_scaled_height <= area.height
    if spec.width and spec.height and spec.fit in ("crop", "clip", "scale"):
        assert result.canvas_width <= spec.width
        assert result.canvas_height <= spec.height


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.integers(1, 4000), st.integers(1, 4000), st.integers(1, 4000), st.integers(1, 4000))
def test_a_crop_without_enlarging_keeps_the_ratio_of_its_box(width: int, height: int, across: int, down: int) -> None:
    result = planned(TransformSpec(width=across, height=down, fit="crop"), width, height)
    kept = result.picture_width, result.picture_height
    if kept != (across, down):
        assert kept[0] == width or kept[1] == height
        assert abs(kept[0] * down - kept[1] * across) <= max(across, down)
