"""Steps that put something behind or around a picture: underlay, letterbox, pad."""

from __future__ import annotations

from typing import Final

from pipeline import vips
from pipeline.geometry import Plan
from pipeline.spec import Colour, Rect
from pipeline.steps.alpha import as_rgb, is_neutral, over

_TRANSPARENT: Final[Colour] = (255, 255, 255, 0)


def underlay(image: vips.Image, plan: Plan) -> vips.Image:
    """This will put the background behind a picture's transparent parts where one is asked for."""
    if plan.spec.background is None or not image.hasalpha():
        return image
    return over(image, plan.spec.background)


def letterbox(image: vips.Image, plan: Plan) -> vips.Image:
    if not plan.letterboxes:
        return image
    return _extend(
        image,
        plan,
        Rect(left=plan.picture_left, top=plan.picture_top, width=plan.canvas_width, height=plan.canvas_height),
    )


def pad(image: vips.Image, plan: Plan) -> vips.Image:
    margin = plan.spec.pad
    if not margin:
        return image
    return _extend(image, plan, Rect(left=margin, top=margin, width=plan.output_width, height=plan.output_height))


def _extend(image: vips.Image, plan: Plan, canvas: Rect) -> vips.Image:
    """This will lay the picture at the canvas's left and top, on its background or on nothing where none is given."""
    background = plan.spec.background or _TRANSPARENT
    if not is_neutral(background):
        image = as_rgb(image)
    if background[3] < 255 and not image.hasalpha():
        image = image.bandjoin(255)
    *colour, alpha = background
    ink = [*colour[: image.bands - 1], alpha] if image.hasalpha() else colour[: image.bands]
    return image.embed(canvas.left, canvas.top, canvas.width, canvas.height, extend="background", background=ink)
