"""A profile is judged by its numbers, never by its name."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageCms

from pipeline import icc, profiles
from tests import images

_BT709 = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), (0.3127, 0.3290))
_P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.3127, 0.3290))


def _parsed(data: bytes) -> icc.Profile:
    profile = icc.parse(data)
    assert profile is not None
    return profile


def test_knows_srgb_by_its_numbers():
    assert icc.is_srgb(_parsed(images.srgb_profile()))


def test_a_profile_that_swaps_channels_is_not_srgb_whatever_it_calls_itself():
    swapped = _parsed(images.channel_swapping_profile())
    assert "sRGB" in icc.description(swapped)
    assert not icc.is_srgb(swapped)


@pytest.mark.parametrize(
    ("primaries", "curve", "expected"),
    [
        (_BT709, profiles.srgb, True),
        (_P3, profiles.srgb, False),
        (_BT709, lambda x: x**2.2, False),
        (_BT709, lambda x: x, False),
    ],
)
def test_judges_primaries_and_curve(primaries, curve, expected):
    profile = _parsed(profiles.build("sRGB IEC61966-2.1", primaries, curve))
    assert icc.is_srgb(profile) is expected


@pytest.mark.parametrize(("curve", "expected"), [(profiles.srgb, True), (lambda x: x**1.8, False)])
def test_judges_grey_by_its_curve(curve, expected):
    profile = _parsed(profiles.build("Dot Gain", _BT709, curve, grey=True))
    assert profile.space == "grey"
    assert icc.is_srgb(profile) is expected


def test_a_profile_with_tables_is_never_taken_for_srgb():
    data = images.srgb_profile()
    assert not icc.is_srgb(_parsed(data.replace(b"chrm", b"A2B0")))


def test_profiles_made_here_are_read_alike_by_another_colour_engine():
    made = ImageCms.ImageCmsProfile(io.BytesIO(profiles.build("Display P3, sRGB curve", _P3, profiles.srgb)))
    assert ImageCms.getProfileDescription(made).strip() == "Display P3, sRGB curve"
    red = made.profile.red_colorant
    assert red is not None
    assert np.allclose(red[0], (0.5151, 0.2412, -0.0011), atol=0.002)


def test_reads_descriptions_of_version_two_and_four():
    assert icc.description(_parsed(profiles.build("Old words", _P3, profiles.srgb))) == "Old words"
    assert icc.description(_parsed(images.srgb_profile())) == "sRGB built-in"


def test_hostile_descriptions_become_short_plain_text():
    text = icc.safe_text("Camera\x00\x1b[31m\u202eevil\n" + "x" * 500)
    assert text.startswith("Camera[31mevil")
    assert len(text) == icc.MAX_DESCRIPTION
    assert text.isprintable()


@pytest.mark.parametrize("data", [b"", b"x" * 200, bytes(128) + b"\xff\xff\xff\xff"])
def test_what_is_no_profile_is_none(data):
    assert icc.parse(data) is None


@given(at=st.integers(0, 600), value=st.binary(min_size=1, max_size=8))
def test_damaged_profiles_are_judged_without_an_exception(at, value):
    data = images.srgb_profile()
    profile = icc.parse(data[:at] + value + data[at + len(value) :])
    if profile is not None:
        icc.is_srgb(profile)
        assert icc.description(profile).isprintable()
