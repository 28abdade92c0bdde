"""The ladder and the resolved spec."""

from __future__ import annotations

from itertools import pairwise
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import BadParameter
from pipeline.ladder import DEFAULT_LADDER, resolve, snap
from pipeline.params import canonical, parse
from pipeline.spec import Border, TransformSpec

LADDER = (100, 200, 400, 800)


def resolved(text: str, ladder: tuple[int, ...] = LADDER) -> str:
    return canonical(resolve(parse(parse_qsl(text)), ladder))


def test_the_default_ladder_climbs_by_at_most_a_third():
    assert DEFAULT_LADDER[0] == 32
    assert DEFAULT_LADDER[-1] == 3840
    assert all(low < high <= low * 3 / 2 for low, high in pairwise(DEFAULT_LADDER))
    assert all(high <= low * 4 / 3 for low, high in pairwise(DEFAULT_LADDER) if low >= 48)


@pytest.mark.parametrize(
    ("width", "rung"), [(1, 100), (99, 100), (100, 100), (101, 200), (799, 800), (800, 800), (801, 800), (8192, 800)]
)
def test_a_width_snaps_up_to_a_rung_and_above_the_top_to_the_top(width: int, rung: int):
    assert snap(width, LADDER) == rung


def test_an_empty_ladder_leaves_the_width():
    assert snap(123, ()) == 123
    assert resolved("w=123&h=45&dpr=2", ()) == "h=90&w=246"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("w=150", "w=200"),
        ("w=150&dpr=2", "w=400"),
        ("w=150&dpr=0.5", "w=100"),
        ("w=150&snap=0", "w=150"),
        ("w=150&dpr=2&snap=0", "w=300"),
        ("h=150", "h=150"),
        ("h=33&dpr=1.5", "h=50"),  # 49.5, half up
        ("h=50&dpr=1.15&snap=0", "h=58"),  # 57.5, which 50 * 1.15 in floats is not
        ("w=150&h=75", "h=100&w=200"),
        ("w=150&h=75&dpr=2", "h=200&w=400"),
        ("w=1600&h=800", "h=400&w=800"),
        ("w=150&h=1", "h=1&w=200"),
        ("w=800&h=1&snap=0", "h=1&w=800"),
        ("w=1600&h=1", "h=1&w=800"),
        ("w=1&h=8192", "h=8192&w=1"),
        ("w=50&h=4096", "h=8192&w=100"),
        ("w=50&h=4097", "h=4097&w=50"),
        ("w=150&ar=4:3", "h=150&w=200"),
        ("w=190&ar=4:3", "h=150&w=200"),
        ("w=150&ar=4:3&snap=0", "h=113&w=150"),
        ("h=100&ar=2:1", "h=100&w=200"),
        ("h=90&ar=2:1", "h=100&w=200"),
        ("h=101&ar=1:100&snap=0", "h=101&w=1"),
        ("w=200&h=100&ar=1:1", "h=100&w=200"),
        ("ar=4:3&fit=crop", "ar=4:3&fit=crop"),
        ("pad=10&dpr=2", "pad=20"),
        ("pad=0&dpr=2", ""),
        ("blur=10&dpr=2", "blur=10"),
        ("px=10&dpr=2", "px=20"),
        ("px=2&dpr=0.5", ""),
        ("border=3,red&dpr=1.5", "border=5,ff0000"),  # 4.5, half up
        ("mask=corners&corner-radius=10,0,5,1&dpr=2", "corner-radius=20,0,10,2&mask=corners"),
        ("mark=a&mark-pad=0&dpr=2", "mark=a&mark-pad=0"),
        ("mark=a&dpr=2", "mark=a&mark-pad=10"),
        ("txt=a&dpr=2", "txt=a&txt-pad=20&txt-size=24"),
        ("txt=a&txt-size=7&txt-pad=3&dpr=3", "txt=a&txt-pad=9&txt-size=21"),
        ("page=2&max-bytes=500&dpr=2", "max-bytes=500&page=2"),
    ],
)
def test_dpr_and_ladder_are_folded_into_the_sizes(text: str, expected: str):
    assert resolved(text) == expected


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("w=200&fit=crop&crop=north", "w=200"),
        ("w=200&fit=fill&fp-x=0.1", "w=200"),
        ("h=200&fit=scale", "h=200"),
        ("enlarge=1", ""),
        ("ar=2:1&fit=crop&enlarge=1", "ar=2:1&fit=crop"),
        ("w=200&h=100&crop=north", "w=200&h=100"),
        ("w=200&h=100&fit=fill&crop=entropy", "w=200&h=100&fit=fill"),
        ("w=200&h=100&fit=fill&crop=centre", "w=200&h=100&fit=fill"),
        ("mark-align=top&mark-alpha=5&mark-scale=9&mark-pad=1&mark-tile=1&dpr=2", ""),
        ("txt-size=9&txt-color=red&txt-font=bold&txt-align=top&txt-alpha=5&txt-pad=1&txt-tile=1", ""),
        ("txt-size=1000&dpr=2", ""),
        ("txt=a&txt-alpha=0", ""),
        ("txt=a&txt-color=0fff", ""),
        ("txt=a&txt-tile=1&txt-align=top", "txt=a&txt-tile=1"),
        ("mark=a&mark-tile=1&mark-align=top", "mark=a&mark-tile=1"),
        ("corner-radius=5", ""),
        ("mask=circle&corner-radius=5", "mask=circle"),
        ("mask=corners", ""),
        ("duotone-alpha=50", ""),
        ("duotone=red,blue&duotone-alpha=0", ""),
        ("monochrome=0f00", ""),
        ("px=1", ""),
    ],
)
def test_options_that_cannot_show_make_no_key_of_their_own(text: str, same: str):
    assert resolved(text) == resolved(same)


@pytest.mark.parametrize(
    "text",
    [
        "w=200&enlarge=1",
        "w=200&h=100&fit=crop&crop=north",
        "w=200&h=100&fit=crop&fp-x=0.1",
        "w=200&h=100&fit=crop&crop=centre",
        "w=200&h=100&fit=fill&crop=north",
        "w=200&h=100&fit=scale",
        "w=200&h=100&fit=outside&enlarge=1",
        "ar=1:1&fit=crop&crop=entropy",
        "mark=a&mark-align=top&mark-alpha=5",
        "txt=a%0Ab&txt-tile=1&txt-align=top",
        "mask=corners&corner-radius=5",
        "duotone=red,blue&duotone-alpha=50",
        "px=2",
    ],
)
def test_options_that_show_are_kept(text: str):
    assert resolved(text) == canonical(parse(parse_qsl(text)))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("h=4097&dpr=2", "Expected at most 8192 px for h after dpr and ar, received 8194 px."),
        ("w=4097&dpr=2&snap=0", "Expected at most 8192 px for w after dpr and ar, received 8194 px."),
        ("w=800&ar=1:100", "Expected at most 8192 px for h after dpr and ar, received 80000 px."),
        ("pad=600&dpr=2", "Expected at most 1000 px for pad after dpr and ar, received 1200 px."),
        ("px=60&dpr=2", "Expected at most 100 px for px after dpr and ar, received 120 px."),
        ("border=600,red&dpr=2", "Expected at most 1000 px for border after dpr and ar, received 1200 px."),
        (
            "mask=corners&corner-radius=0,0,5000,0&dpr=2",
            "Expected at most 8192 px for corner-radius after dpr and ar, received 10000 px.",
        ),
        ("mark=a&mark-pad=600&dpr=2", "Expected at most 1000 px for mark-pad after dpr and ar, received 1200 px."),
        ("txt=a&txt-size=600&dpr=2", "Expected at most 1000 px for txt-size after dpr and ar, received 1200 px."),
    ],
)
def test_a_side_made_too_long_is_refused_in_one_sentence(text: str, sentence: str):
    with pytest.raises(BadParameter) as refused:
        resolved(text)
    assert refused.value.message == sentence


def test_a_focal_point_is_wanted_where_a_crop_has_none():
    assert TransformSpec(width=4, height=3, fit="crop").wants_focal_point
    assert TransformSpec(width=4, aspect_ratio=(1, 1), fit="crop").wants_focal_point
    assert not TransformSpec(width=4, fit="crop").wants_focal_point
    assert not TransformSpec(width=4, height=3, fit="fill").wants_focal_point
    assert not TransformSpec(width=4, height=3, fit="crop", gravity="centre").wants_focal_point
    assert not TransformSpec(width=4, height=3, fit="crop", focal_x=0.5, focal_y=0.5).wants_focal_point


specs = st.builds(
    TransformSpec,
    width=st.none() | st.integers(1, 8192),
    height=st.none() | st.integers(1, 8192),
    fit=st.sampled_from(["clip", "crop", "fill", "scale", "outside"]),
    enlarge=st.booleans(),
    gravity=st.sampled_from(["centre", "north", "focal", "entropy"]),
    aspect_ratio=st.none() | st.sampled_from([(1, 1), (16, 9), (1, 100), (100, 1)]),
    dpr=st.integers(50, 400).map(lambda hundredths: hundredths / 100),
    pad=st.integers(0, 300),
    pixelate=st.integers(0, 100),
    border=st.none() | st.builds(Border, width=st.integers(1, 300), colour=st.just((1, 2, 3, 4))),
    mask=st.sampled_from(["", "corners", "circle"]),
    corner_radius=st.tuples(*[st.integers(0, 20)] * 4),
    mark=st.sampled_from(["", "logo"]),
    mark_tile=st.booleans(),
    mark_align=st.sampled_from(["north", "centre"]),
    text=st.sampled_from(["", "a b", "a\nb"]),
    text_tile=st.booleans(),
    text_alpha=st.sampled_from([0, 50, 100]),
    duotone_alpha=st.sampled_from([0, 50, 100]),
    snap=st.booleans(),
)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(specs, st.sampled_from([DEFAULT_LADDER, LADDER, ()]))
def test_a_resolved_spec_is_settled_and_can_be_written_and_read(spec: TransformSpec, ladder: tuple[int, ...]) -> None:
    try:
        done = resolve(spec, ladder)
    except BadParameter:
        return
    assert done.dpr == 1
    assert done.snap
    assert parse(parse_qsl(canonical(done))) == done
    assert resolve(done, ()) == done
    if spec.snap and done.width and not done.height:
        assert done.width in ladder or not ladder
    if spec.snap:
        assert resolve(done, ladder) == done
