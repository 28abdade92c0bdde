"""The demo masters: what they promise is measured on their own bytes."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.JpegImagePlugin import JpegImageFile

from imgopt.demo import DEMO_MASTERS, DemoMaster
from imgopt.demo.flower import poppy

P3_TO_SRGB = np.array([[1.2249, -0.2249, 0.0], [-0.0421, 1.0421, 0.0], [-0.0196, -0.0786, 1.0983]])

DRAW = """
import sys
from imgopt.demo import DEMO_MASTERS
assert not {"django", "pyvips", "numpy"} & set(sys.modules), "the list alone must cost nothing"
demo = next(demo for demo in DEMO_MASTERS if demo.key == sys.argv[1])
sys.stdout.buffer.write(demo.draw())
assert "django" not in sys.modules
"""


@pytest.mark.slow
@pytest.mark.parametrize("demo", DEMO_MASTERS, ids=lambda demo: demo.key)
def test_a_demo_master_is_a_detailed_photo_with_many_colours_outside_srgb(demo: DemoMaster) -> None:
    # One drawing for all promises, since it takes seconds; in its own process, since libvips must not be forked.
    command = [sys.executable, "-c", DRAW, demo.key]
    data = subprocess.run(command, check=True, capture_output=True, cwd=Path(__file__).parents[2], timeout=110).stdout
    _check_file(data)
    _check_profile(data)
    assert _share_outside_srgb(data) >= 0.10
    _check_detail(data)


def _check_file(data: bytes) -> None:
    image = Image.open(io.BytesIO(data))
    assert isinstance(image, JpegImageFile)
    assert (image.format, image.size, image.mode) == ("JPEG", (2400, 1600), "RGB")
    assert 500_000 < len(data) < 1_500_000
    assert {layer[1:3] for layer in image.layer} == {(1, 1)}, "colour at full resolution"


def _check_profile(data: bytes) -> None:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(Image.open(io.BytesIO(data)).info["icc_profile"]))
    assert ImageCms.getProfileDescription(profile).strip() == "Display P3"
    # sRGB's own red, written in Display P3, must come out as sRGB's red.
    red = Image.new("RGB", (1, 1), (234, 51, 35))
    managed = ImageCms.profileToProfile(red, profile, ImageCms.createProfile("sRGB"))
    assert managed is not None
    assert np.abs(np.asarray(managed, np.int16) - (255, 0, 0)).max() <= 3


def _share_outside_srgb(data: bytes) -> float:
    coded = np.asarray(Image.open(io.BytesIO(data)), np.float64)[::3, ::3] / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    srgb = linear @ P3_TO_SRGB.T
    # 0.004 in linear light is more than one coded step of the dark end, so rounding cannot feign it.
    return float(((srgb < -0.004) | (srgb > 1.004)).any(axis=2).mean())


def _check_detail(data: bytes) -> None:
    grey = np.asarray(Image.open(io.BytesIO(data)).convert("L"), np.float64)
    assert np.percentile(grey, 1) < 45
    assert np.percentile(grey, 99) > 185
    assert (np.abs(np.diff(grey, axis=1)) > 12).mean() > 0.01, "edges that a resize must filter"


def test_drawing_is_deterministic() -> None:
    first, again, other = (
        poppy(np.random.default_rng(seed), 64, pitch=0.5, lean=0.1, cup=0.6, hue=0.2) for seed in (5, 5, 6)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_demo_masters_have_keys_and_focal_points_that_a_master_may_have() -> None:
    assert len({demo.key for demo in DEMO_MASTERS}) == len(DEMO_MASTERS)
    for demo in DEMO_MASTERS:
        assert demo.key.startswith("demo/")
        assert "." not in demo.key
        assert 0 <= demo.focal_x <= 1
        assert 0 <= demo.focal_y <= 1
