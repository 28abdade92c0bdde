"""A mask leaves transparent corners, so a negotiated format is one that shows them."""

from __future__ import annotations

import pytest

from tests.delivery.world import BROWSER, asked, master


@pytest.mark.parametrize(
    ("params", "accept", "chosen"),
    [
        ("w=640&mask=circle", "*/*", "png"),
        ("w=640&mask=circle", BROWSER, "avif"),
        ("w=640&mask=corners&corner-radius=9", "*/*", "png"),
        ("w=640&mask=circle&bg=80ffffff", "*/*", "png"),
        ("w=640&mask=circle&bg=fff", "*/*", "jpeg"),
        ("w=640&mask=corners", "*/*", "jpeg"),  # without a radius it cuts nothing
        ("w=640&mask=circle&fm=jpg", "*/*", "jpeg"),
    ],
)
def test_a_masked_photo_is_negotiated_as_a_transparent_picture(params: str, accept: str, chosen: str) -> None:
    assert asked(master(format="jpeg"), params, accept).render.format == chosen
