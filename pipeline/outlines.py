"""The outline that a mask keeps and a border follows: a box with four rounded corners, in numbers."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.geometry import Size
from pipeline.spec import Rect, TransformSpec

Radius = tuple[float, float]
"""Of one corner, across and down, in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A box whose corners are quarters of ellipses; an ellipse is one whose corners meet."""

    box: Rect
    """May be empty: width or height 0."""
    radii: tuple[Radius, Radius, Radius, Radius]
    """Top left, top right, bottom right, bottom left."""

    def inset(self, width: int) -> Outline:
        """This will move the outline inwards by `width`, as CSS does from an outer border edge to the inner."""
        box = self.box
        inner = Rect(
            left=box.left + width,
            top=box.top + width,
            width=max(0, box.width - 2 * width),
            height=max(0, box.height - 2 * width),
        )
        top_left, top_right, bottom_right, bottom_left = (_less(radius, width) for radius in self.radii)
        return Outline(box=inner, radii=(top_left, top_right, bottom_right, bottom_left))


def outline(spec: TransformSpec, size: Size) -> Outline:
    """This will give the outline of the spec's mask in a picture of that size; without a mask, the picture itself.

    >>> outline(TransformSpec(mask="circle"), (100, 60)).box
    Rect(left=20, top=0, width=60, height=60)
    """
    width, height = size
    if spec.mask == "circle":
        side = min(size)
        box = Rect(left=(width - side) // 2, top=(height - side) // 2, width=side, height=side)
        return Outline(box=box, radii=((side / 2, side / 2),) * 4)
    box = Rect(left=0, top=0, width=width, height=height)
    if spec.mask == "ellipse":
        return Outline(box=box, radii=((width / 2, height / 2),) * 4)
    return Outline(box=box, radii=_fitted(spec.corner_radius if spec.mask else (0, 0, 0, 0), size))


def _fitted(radii: tuple[int, int, int, int], size: Size) -> tuple[Radius, Radius, Radius, Radius]:
    """Radii that do not fit are all made smaller by one factor (CSS Backgrounds and Borders 3, 4.5)."""
    top_left, top_right, bottom_right, bottom_left = radii
    sides = (
        (size[0], top_left + top_right),
        (size[1], top_right + bottom_right),
        (size[0], bottom_right + bottom_left),
        (size[1], bottom_left + top_left),
    )
    factor = min([1.0, *(length / both for length, both in sides if both)])
    fitted = [(radius * factor, radius * factor) for radius in radii]
    return fitted[0], fitted[1], fitted[2], fitted[3]


def _less(radius: Radius, width: int) -> Radius:
    across, down = radius
    return (across - width, down - width) if min(radius) > width else (0.0, 0.0)
