"""Where watermarks and texts lie, as numbers."""

from __future__ import annotations

import pytest

from pipeline.overlays import Placing, mark_placing, mark_size, text_placing
from pipeline.spec import TransformSpec


def placing(align: str = "southeast", pad: int = 5) -> Placing:
    return Placing(align=align, pad=pad, tile=False, opacity=1)


@pytest.mark.parametrize(
    ("align", "expected"),
    [
        ("northwest", (5, 5)),
        ("north", (35, 5)),
        ("northeast", (65, 5)),
        ("west", (5, 30)),
        ("centre", (35, 30)),
        ("east", (65, 30)),
        ("southwest", (5, 55)),
        ("south", (35, 55)),
        ("southeast", (65, 55)),
    ],
)
def test_it_lies_at_its_compass_point_within_the_padding(align, expected):
    assert placing(align).place((30, 20), (100, 80)) == expected


def test_it_lies_in_the_middle_where_the_padding_leaves_too_little_room():
    assert placing(pad=36).place((30, 20), (100, 80)) == (35, 30)
    assert placing(pad=1000).place((1, 1), (100, 80)) == (49, 39)
    assert placing(pad=1000).room((100, 80)) == (1, 1)


@pytest.mark.parametrize(
    ("own", "size", "scale", "room", "expected"),
    [
        ((400, 100), (1000, 500), 25, (990, 490), (250, 63)),
        ((40, 10), (1000, 500), 25, (990, 490), (250, 63)),  # enlarged
        ((400, 100), (1000, 500), 100, (990, 490), (990, 248)),
        ((100, 400), (1000, 500), 100, (990, 490), (123, 490)),
        ((4000, 1), (10, 10), 1, (1, 1), (1, 1)),
        ((1, 4000), (10, 10), 100, (10, 10), (1, 10)),
        ((3, 3), (10, 10), 25, (10, 10), (3, 3)),
    ],
)
def test_a_watermark_takes_its_share_of_the_width_and_stays_within_its_room(own, size, scale, room, expected):
    assert mark_size(own, size, scale, room) == expected


def test_placings_come_from_their_own_parameters():
    spec = TransformSpec(mark_align="north", mark_pad=1, mark_alpha=50, mark_tile=True, text_align="west", text_pad=2)
    assert mark_placing(spec) == Placing(align="north", pad=1, tile=True, opacity=0.5)
    assert text_placing(spec) == Placing(align="west", pad=2, tile=False, opacity=1)
