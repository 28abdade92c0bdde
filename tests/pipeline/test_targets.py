"""What a quality that is a word asks for."""

from __future__ import annotations

import pytest

from pipeline.errors import BadParameter
from pipeline.targets import TARGETS, Target, read_quality, write_quality


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("80", 80),
        ("1", 1),
        ("100", 100),
        ("auto", TARGETS["best"]),
        ("auto:best", TARGETS["best"]),
        ("auto:good", TARGETS["good"]),
        ("auto:eco", TARGETS["eco"]),
        ("auto:0.985", Target(ssim=0.985)),
        ("auto:.5", Target(ssim=0.5)),
        ("auto:0.9999", Target(ssim=0.9999)),
    ],
)
def test_a_quality_is_a_number_or_what_to_aim_at(text: str, value: int | Target) -> None:
    assert read_quality(text) == value
    assert read_quality(write_quality(value)) == value


@pytest.mark.parametrize(
    "text",
    ["", "0", "101", "080", "8.5", "-1", "auto:", "auto:finest", "auto:1", "auto:1.0", "auto:0.4", "auto:0.99991",
     "AUTO", "auto: 0.9", "٨٠", "auto:0.9\n"],
)  # fmt: skip
def test_any_other_quality_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(BadParameter, match=r"Expected a quality from 1 to 100, auto, .* received") as refusal:
        read_quality(text)
    assert refusal.value.message.endswith(f"received '{text}'.")
