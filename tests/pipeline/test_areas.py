"""Rects on the upright picture, and where they lie in the stored one."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageOps

from pipeline.areas import after_trim, clamp_rect, start_area, stored_rect
from pipeline.spec import Rect, TransformSpec


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("rect", [Rect(left=1, top=2, width=3, height=1), Rect(left=4, top=0, width=2, height=4)])
def test_a_rect_on_the_upright_picture_covers_the_same_pixels_as_stored(orientation: int, rect: Rect):
    shape = (4, 6) if orientation < 5 else (6, 4)
    stored = np.arange(24, dtype=np.uint8).reshape(shape)
    image = Image.fromarray(stored)
    image.getexif()[0x0112] = orientation
    upright = np.asarray(ImageOps.exif_transpose(image))
    assert upright.shape == (4, 6)
    area = stored_rect(rect, 6, 4, orientation)
    there = stored[area.top : area.top + area.height, area.left : area.left + area.width]
    here = upright[rect.top : rect.top + rect.height, rect.left : rect.left + rect.width]
    assert sorted(there.flat) == sorted(here.flat)


def test_a_trim_becomes_a_rect_within_the_rect():
    spec = TransformSpec(rect=Rect(left=100, top=0, width=2000, height=500), trim=10, width=50, fit="clip")
    assert start_area(spec, width=1000, height=500, orientation=3) == Rect(left=0, top=0, width=900, height=500)
    found = after_trim(spec, Rect(left=20, top=30, width=40, height=50), width=1000, height=500)
    assert found.trim == 0
    assert found.rect == Rect(left=120, top=30, width=40, height=50)
    assert start_area(TransformSpec(trim=10), width=1000, height=500, orientation=3) is None


def test_a_rect_is_clamped_to_the_picture():
    assert clamp_rect(Rect(left=5, top=6, width=100, height=100), 10, 20) == Rect(left=5, top=6, width=5, height=14)
    assert clamp_rect(None, 10, 20) == Rect(left=0, top=0, width=10, height=20)
