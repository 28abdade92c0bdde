"""Two masters for a new installation, drawn by code: nobody's photographs, and rich in colours outside sRGB.

They are painted in linear-light Display P3 and carry that profile, so that a service which ignores profiles shows
them visibly paler. Drawing takes a few seconds and loads numpy and libvips, thus the imports inside: whoever only
wants the list pays nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoMaster:
    """A master to be; the focal point is a share of width and height from the top left."""

    key: str
    original_name: str
    focal_x: float
    focal_y: float
    draw: Callable[[], bytes]


def draw_poppies() -> bytes:
    """This will give a JPEG of 2400×1600 pixels: poppies against the evening sun."""
    from imgopt.demo.photo import to_jpeg
    from imgopt.demo.poppies import paint_poppies

    return to_jpeg(paint_poppies())


def draw_harbour() -> bytes:
    """This will give a JPEG of 2400×1600 pixels: cabins by a fjord."""
    from imgopt.demo.harbour import paint_harbour
    from imgopt.demo.photo import to_jpeg

    return to_jpeg(paint_harbour())


DEMO_MASTERS: tuple[DemoMaster, ...] = (
    DemoMaster(key="demo/poppies", original_name="poppies.jpg", focal_x=0.33, focal_y=0.49, draw=draw_poppies),
    DemoMaster(key="demo/harbour", original_name="harbour.jpg", focal_x=0.63, focal_y=0.58, draw=draw_harbour),
)
