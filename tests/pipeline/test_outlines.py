"""Outlines in numbers, and what their coverage looks like."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.coverage import coverage
from pipeline.outlines import Outline, outline
from pipeline.spec import Rect, TransformSpec


def box(left: int, top: int, width: int, height: int) -> Rect:
    return Rect(left=left, top=top, width=width, height=height)


def both(*radii: float) -> tuple[tuple[float, float], ...]:
    return tuple((radius, radius) for radius in radii)


@pytest.mark.parametrize(
    ("spec", "size", "expected_box", "expected_radii"),
    [
        ({}, (100, 60), box(0, 0, 100, 60), both(0, 0, 0, 0)),
        ({"corner_radius": (9, 9, 9, 9)}, (100, 60), box(0, 0, 100, 60), both(0, 0, 0, 0)),
        ({"mask": "circle"}, (100, 60), box(20, 0, 60, 60), both(30, 30, 30, 30)),
        ({"mask": "circle"}, (60, 101), box(0, 20, 60, 60), both(30, 30, 30, 30)),
        ({"mask": "circle"}, (1, 1), box(0, 0, 1, 1), both(0.5, 0.5, 0.5, 0.5)),
        ({"mask": "ellipse"}, (101, 60), box(0, 0, 101, 60), ((50.5, 30.0),) * 4),
        ({"mask": "corners", "corner_radius": (1, 2, 3, 4)}, (100, 60), box(0, 0, 100, 60), both(1, 2, 3, 4)),
        ({"mask": "corners", "corner_radius": (60,) * 4}, (100, 60), box(0, 0, 100, 60), both(30, 30, 30, 30)),
        ({"mask": "corners", "corner_radius": (90, 0, 0, 0)}, (100, 60), box(0, 0, 100, 60), both(60, 0, 0, 0)),
        ({"mask": "corners", "corner_radius": (80, 120, 0, 0)}, (100, 200), box(0, 0, 100, 200), both(40, 60, 0, 0)),
    ],
)
def test_an_outline_fits_its_picture(spec, size, expected_box, expected_radii):
    found = outline(TransformSpec(**spec), size)
    assert found.box == expected_box
    assert [radius for corner in found.radii for radius in corner] == pytest.approx(
        [radius for corner in expected_radii for radius in corner]
    )


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (5, Outline(box=box(5, 5, 90, 50), radii=((5, 5), (15, 15), (0, 0), (0, 0)))),
        (30, Outline(box=box(30, 30, 40, 0), radii=((0, 0),) * 4)),
        (999, Outline(box=box(999, 999, 0, 0), radii=((0, 0),) * 4)),
    ],
)
def test_an_inset_outline_has_smaller_corners_and_may_be_empty(width, expected):
    outer = Outline(box=box(0, 0, 100, 60), radii=((10, 10), (20, 20), (5, 5), (0, 0)))
    assert outer.inset(width) == expected


@pytest.mark.parametrize("size", [(40, 40), (41, 41), (64, 30), (31, 64), (200, 150)])
@pytest.mark.parametrize("mask", ["circle", "ellipse"])
def test_coverage_has_the_area_and_the_symmetry_of_its_shape(mask, size):
    shape = outline(TransformSpec(mask=mask), size)
    pixels = coverage(shape, size).numpy().astype(float) / 255
    across, down = shape.radii[0]
    assert pixels.sum() == pytest.approx(math.pi * across * down, rel=0.01)
    if (size[0] - shape.box.width) % 2 == (size[1] - shape.box.height) % 2 == 0:
        assert np.array_equal(pixels, pixels[:, ::-1])
        assert np.array_equal(pixels, pixels[::-1])
    assert (pixels[0, 0], pixels[size[1] // 2, size[0] // 2]) == (0, 1)


def test_edges_are_smooth():
    pixels = coverage(outline(TransformSpec(mask="circle"), (400, 400)), (400, 400)).numpy()
    assert len(np.unique(pixels)) > 60
    assert np.count_nonzero((pixels > 0) & (pixels < 255)) < 4 * 400


@pytest.mark.parametrize("corner", range(4))
def test_each_corner_is_rounded_by_its_own_radius(corner):
    first, second, third, fourth = (20 if each == corner else 0 for each in range(4))
    spec = TransformSpec(mask="corners", corner_radius=(first, second, third, fourth))
    pixels = coverage(outline(spec, (60, 50)), (60, 50)).numpy()
    corners = [pixels[0, 0], pixels[0, -1], pixels[-1, -1], pixels[-1, 0]]
    assert corners == [0 if each == corner else 255 for each in range(4)]
    assert (pixels[:, 20:40] == 255).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 3), (300, 130)])
def test_any_size_has_a_coverage(size):
    for mask in ("corners", "ellipse", "circle"):
        shape = outline(TransformSpec(mask=mask, corner_radius=(8192, 1, 2, 3)), size)
        for width in (0, 1, 70, 1000):
            found = coverage(shape.inset(width), size)
            assert (found.width, found.height) == size


def test_a_border_in_a_single_large_corner_follows_it():
    outer = outline(TransformSpec(mask="corners", corner_radius=(130, 0, 0, 0)), (300, 130))
    pixels = coverage(outer.inset(10), (300, 130)).numpy()
    assert (pixels[60, 15], pixels[12, 20], pixels[119, 12], pixels[65, 150]) == (0, 0, 255, 255)
