"""Text laid on a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline.errors import BadParameter
from pipeline.fonts import FONTS
from pipeline.lettering import lettering
from pipeline.spec import TransformSpec
from tests import images
from tests.pipeline.asking import rendered

_GREY = images.encoded(images.from_pixels(np.full((100, 300, 3), 100, np.uint8)), "png")
_ROOM = (600, 400)


def drawn(text: str, room: tuple[int, int] = _ROOM, size: int = 30, **spec: Any) -> Any:
    image = lettering(TransformSpec(text=text, text_size=size, **spec), room)
    return np.ndarray((image.height, image.width), np.uint8, image.write_to_memory())


def inked(**spec: Any) -> Any:
    """Where the letters are on a plain picture."""
    body = rendered(_GREY, **{"text": "Hello", "text_size": 20, "text_colour": (255, 255, 255, 255), **spec}).body
    return np.asarray(images.pixels_of(body)[..., 0].astype(int) != 100)


@pytest.mark.parametrize("text", ["Straße & Søn", "Ελληνικά", "Жук, їжак", "Tiếng Việt", "© 2025 — 5 € · “ok”", "<b>"])
@pytest.mark.parametrize("font", sorted(set(FONTS.values())))
def test_latin_greek_and_cyrillic_are_drawn_in_every_typeface(text, font):
    if "mono" in font and text == "Tiếng Việt":
        text = "Österreich"
    assert (drawn(text, text_font=font) > 200).sum() > 100


def test_typefaces_differ_and_wider_text_is_wider():
    shapes = {font: drawn("Hamburg", text_font=font) for font in set(FONTS.values())}
    assert len({shape.tobytes() for shape in shapes.values()}) == len(shapes) == 6
    assert shapes["bold"].sum() > 1.2 * shapes["sans"].sum()
    assert drawn("iii", text_font="mono").shape[1] > drawn("iii").shape[1]


def test_markup_is_text():
    assert drawn("<b>a</b>&amp;").shape[1] > 2 * drawn("aa").shape[1]


@pytest.mark.parametrize(
    ("text", "named"), [("漢字", "'漢' (U+6F22)"), ("a😀", "'😀' (U+1F600)"), ("שלום", "'ש' (U+05E9)")]
)
def test_a_character_that_the_typeface_lacks_is_named(text, named):
    with pytest.raises(BadParameter) as refused:
        drawn(text)
    assert refused.value.message == f"Expected characters that Noto Sans has for txt, received {named}."


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, ("right", "bottom")),
        ({"text_align": "northwest"}, ("left", "top")),
        ({"text_align": "centre"}, ("middle", "middle")),
        ({"text_align": "south"}, ("middle", "bottom")),
    ],
)
def test_it_lies_at_its_compass_point_within_the_padding(spec, expected):
    rows, columns = np.nonzero(inked(**spec))
    left, right = int(columns.min()), 299 - int(columns.max())
    top, bottom = int(rows.min()), 99 - int(rows.max())
    across = "middle" if abs(left - right) <= 2 else "left" if left < right else "right"
    down = "middle" if abs(top - bottom) <= 2 else "top" if top < bottom else "bottom"
    assert (across, down) == expected
    for edge, distance in (("left", left), ("right", right), ("top", top), ("bottom", bottom)):
        if edge in expected:
            assert 9 <= distance <= 11


def test_it_has_its_colour_and_opacity():
    def reddest(**spec: Any) -> Any:
        body = rendered(_GREY, text="MMMM", text_size=60, text_font="bold", **spec).body
        pixels = images.pixels_of(body).reshape(-1, 3).astype(int)
        return np.asarray(pixels[(pixels[:, 0] - pixels[:, 1]).argmax()])

    red = (250, 0, 0, 255)
    assert images.are_near([reddest(text_colour=red)], [(250, 0, 0)], tolerance=2)
    assert images.are_near([reddest(text_colour=red, text_alpha=50)], [(175, 50, 50)], tolerance=2)
    assert images.are_near([reddest(text_colour=(250, 0, 0, 128))], [(175, 50, 50)], tolerance=2)


def test_larger_sizes_are_larger_in_proportion():
    heights = [drawn("Hxg", size=size).shape[0] for size in (10, 20, 40, 80)]
    assert heights == sorted(heights)
    assert heights[3] == pytest.approx(4 * heights[1], rel=0.1)


def test_line_feeds_begin_lines_flush_to_the_side_where_the_text_lies():
    left, right = (drawn("A wide line\n.", text_align=align) > 128 for align in ("west", "east"))
    last = left.shape[0] - 3
    assert left.shape[0] > 1.8 * drawn("A wide line").shape[0]
    assert left[last].nonzero()[0].max() < left.shape[1] / 4
    assert right[last].nonzero()[0].min() > right.shape[1] * 3 / 4


def test_long_lines_are_broken_at_spaces():
    one, broken = drawn("several words in a row", room=(2000, 400)), drawn("several words in a row", room=(120, 400))
    assert broken.shape[1] <= 120 < one.shape[1]
    assert broken.shape[0] > 2.5 * one.shape[0]


@pytest.mark.parametrize("room", [(100, 20), (20, 100), (7, 7), (1, 1), (300, 1)])
@pytest.mark.parametrize("text", ["unbreakable" * 18, "a b " * 50, "x\n" * 100, "W"])
def test_what_does_not_fit_is_made_smaller_and_never_larger_than_its_room(room, text):
    found = drawn(text[:200], room=room, size=1000)
    assert found.shape[1] <= room[0]
    assert found.shape[0] <= room[1]


def test_a_text_that_is_made_smaller_is_whole_and_still_fills_its_room():
    whole, found = drawn("Unbreakable", room=(9000, 9000), size=100), drawn("Unbreakable", room=(200, 400), size=1000)
    assert found.shape[1] > 180
    assert found.shape[1] / found.shape[0] == pytest.approx(whole.shape[1] / whole.shape[0], rel=0.05)


def test_tiles_repeat():
    once, tiled = inked(), inked(text_tile=True)
    assert tiled.sum() > 8 * once.sum()
    assert tiled[:50].any()


def test_the_same_text_gives_the_same_pixels():
    assert np.array_equal(drawn("Same"), drawn("Same"))
