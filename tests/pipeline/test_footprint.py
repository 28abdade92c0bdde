"""What a rendition takes while it is made is known from numbers alone, and holds in a child."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any, get_args

import pytest

from pipeline import footprint
from pipeline.admission import BASE_MB, Weight
from pipeline.errors import BadParameter, OutputTooLarge
from pipeline.footprint import ENCODER_MB, footprint_mb
from pipeline.geometry import plan
from pipeline.limits import Limits
from pipeline.request import RenderRequest
from pipeline.spec import Format, Rect, TransformSpec
from pipeline.targets import Target

LIMITS = Limits(max_output_side=8000, max_output_megapixels=40)
PHOTO = Weight(format="jpeg", width=6000, height=4000)


def asked(kind: Format = "webp", *, target: float | None = None, **spec: Any) -> RenderRequest:
    quality = None if target is None else Target(ssim=target)
    return RenderRequest(spec=TransformSpec(**{"quality": quality, **spec}), format=kind, limits=LIMITS)


def takes(request: RenderRequest, *, size: tuple[int, int] = (6000, 4000), **facts: Any) -> float:
    return footprint_mb(request, width=size[0], height=size[1], **{"has_alpha": False, **facts})


def test_a_small_source_of_a_large_result_weighs_what_is_made_of_it():
    tiny = Weight(format="png", width=293, height=115)
    for kind in get_args(Format):
        large = asked(kind, width=6300, height=6300, fit="fill", background=(255, 0, 0, 128))
        assert tiny.megabytes_of(large) > 39.69 * ENCODER_MB[kind][1] + BASE_MB
        assert tiny.megabytes_of(asked(kind, width=290)) < BASE_MB + 5


@pytest.mark.parametrize(
    ("light", "heavy"),
    [
        (asked(width=1000), asked(width=2000)),
        (asked("jpeg", width=2000), asked("webp", width=2000)),
        (asked("webp", width=2000), asked("avif", width=2000)),
        (asked("png", width=2000), asked("png", width=2000, quality=60)),
        (asked("png", width=2000, quality=100), asked("png", width=2000, max_bytes=1000)),
        (asked(width=2000), asked(width=2000, mask="circle")),
        (asked(width=2000, background=(0, 0, 0, 255), pad=9), asked(width=2000, pad=9)),
        (asked(width=900, height=900, fit="crop"), asked(width=900, height=900, fit="fill")),
        (asked("jpeg", width=2000), asked("jpeg", width=2000, border=object(), text="a", mark="b")),
        (asked(width=2000), asked(width=2000, trim=10)),
        (asked(width=100, height=3000, fit="clip"), asked(width=100, height=3000, fit="crop")),
        (asked("avif", width=2000), asked("avif", width=2000, target=0.99)),
        (asked("png", width=2000), replace(asked("png", width=2000), effort="full")),
    ],
)
def test_what_takes_more_memory_weighs_more(light: RenderRequest, heavy: RenderRequest):
    assert 0 < takes(light) < takes(heavy)


def test_alpha_weighs_unless_a_background_is_behind_it():
    plain, laid = asked(width=2000), asked(width=2000, background=(0, 0, 0, 255))
    assert takes(plain, has_alpha=True) > takes(plain) == takes(laid) == takes(laid, has_alpha=True)


def test_a_strip_that_is_enlarged_to_fill_a_square_weighs_before_its_crop():
    strip = asked("jpeg", width=300, height=300, fit="crop", enlarge=True)
    assert takes(strip, size=(10, 5000)) > 300 * 150_000 / 1e6 * 4


def test_frames_are_held_together_and_written_one_by_one():
    one, all_of_them = takes(asked(width=1000)), takes(asked(width=1000), frames=20)
    assert one < all_of_them < 20 * one
    moving = Weight(format="gif", width=1000, height=1000, pages=20)
    still = replace(moving, format="tiff")
    footprints = {
        (weight.format, kind): weight.megabytes_of(asked(kind)) - weight.megabytes
        for weight in (moving, still)
        for kind in ("webp", "avif")
    }
    assert footprints["gif", "webp"] > footprints["tiff", "webp"] + 19 * 4 - 1
    assert footprints["gif", "avif"] == footprints["tiff", "avif"]
    assert moving.megabytes_of(asked(page=2)) < moving.megabytes_of(asked())


def test_many_weigh_the_heaviest_of_them_on_each_thread():
    light, heavy = asked("webp", width=300), asked("avif", width=3000)
    one = PHOTO.megabytes_of_many([light, heavy], threads=1)
    assert one == PHOTO.megabytes_of_many([heavy], threads=1) > PHOTO.megabytes_of(heavy)
    assert PHOTO.megabytes_of_many([light, heavy], threads=2) == one + BASE_MB + takes(heavy)
    assert PHOTO.megabytes_of_many([heavy], threads=1, measure=True) > one


FITS = ("clip", "crop", "fill", "scale", "outside")


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("enlarge", [False, True])
@pytest.mark.parametrize("sides", [(800, 600), (800, None), (None, 600), (None, None)])
@pytest.mark.parametrize("turned", [0, 90])
def test_what_only_the_pixels_know_is_bounded_from_above(
    fit: Any, enlarge: bool, sides: tuple[int | None, int | None], turned: int
):
    """Whatever a trim leaves of the picture, no more comes of it than was weighed."""
    spec = TransformSpec(width=sides[0], height=sides[1], fit=fit, enlarge=enlarge, rotate=turned, trim=10, pad=3)
    made, scaled = footprint._megapixels(spec, (3000, 2000), LIMITS)
    assert made <= LIMITS.max_output_megapixels
    for width, height in ((3000, 2000), (3000, 1), (1, 2000), (500, 500), (2999, 3), (40, 1999)):
        left = replace(spec, trim=0, rect=Rect(left=0, top=0, width=width, height=height))
        try:
            work = plan(left, width=3000, height=2000, orientation=1, limits=LIMITS)
        except OutputTooLarge:
            continue
        assert work.output_width * work.output_height <= made * 1e6
        assert work.scaled_width * work.scaled_height <= scaled * 1e6


def test_what_is_refused_weighs_nothing_but_another_page_may_have_the_area():
    outside = asked(rect=Rect(left=7000, top=0, width=10, height=10))
    with pytest.raises(BadParameter):
        plan(outside.spec, width=6000, height=4000, orientation=1, limits=LIMITS)
    assert takes(outside) == 0
    assert takes(asked(width=9000, enlarge=True)) == 0
    assert takes(replace(outside, spec=replace(outside.spec, page=2))) > 24 * 4


def test_the_process_that_weighs_loads_no_libvips():
    told = "import pipeline.admission, sys; print('pyvips' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "False\n"
