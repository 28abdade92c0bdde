"""What is done to a picture, one small function a step; each changes nothing but its image.

A step gets the image that the step before it returned and the plan, and returns early where the plan asks nothing.
Geometry is decided in `pipeline.geometry`; libvips only obeys.
"""

from __future__ import annotations

from typing import Final

from pipeline.steps.alpha import as_rgb, over
from pipeline.steps.detail import blur, pixelate, sharpen
from pipeline.steps.edge import border, mask
from pipeline.steps.ground import letterbox, pad, underlay
from pipeline.steps.placing import crop, place_by_content, scale, turn
from pipeline.steps.step import Step
from pipeline.steps.toning import adjust, duotone, monochrome

__all__ = ["STEPS", "Step", "as_rgb", "over", "place_by_content", "scale", "turn"]

STEPS: Final[tuple[Step, ...]] = (
    turn,
    crop,
    adjust,
    monochrome,
    duotone,
    pixelate,
    blur,
    sharpen,
    underlay,
    letterbox,
    border,
    mask,  # after the border, whose outer edge it cuts; before the margin, which it must leave
    pad,
)
"""In the order of `TransformSpec`. `scale` and the colour step go before them, while the source is still a stream;
watermark and text (`pipeline.stamps`) go after them."""
