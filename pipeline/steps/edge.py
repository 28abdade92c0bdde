"""Steps that work along a picture's outline: border, mask."""

from __future__ import annotations

from pipeline import vips
from pipeline.coverage import coverage
from pipeline.geometry import Plan
from pipeline.outlines import outline
from pipeline.steps.alpha import as_rgb, is_neutral
from pipeline.steps.stamping import lay


def border(image: vips.Image, plan: Plan) -> vips.Image:
    """This will draw over all that lies outside the inner edge; a mask, which comes next, cuts the outer one."""
    line = plan.spec.border
    if line is None:
        return image
    size = (image.width, image.height)
    inner = outline(plan.spec, size).inset(line.width)
    outside = coverage(inner, size).invert()
    return lay(image, line.colour, outside, opacity=1.0)


def mask(image: vips.Image, plan: Plan) -> vips.Image:
    """This will leave the background outside the outline, or nothing where none is asked for."""
    if not plan.spec.mask:
        return image
    inside = coverage(outline(plan.spec, (image.width, image.height)), (image.width, image.height))
    ground = plan.spec.background
    if ground is None:
        return _cut_out(image, inside)
    if not is_neutral(ground):
        image = as_rgb(image)
    *colour, alpha = ground
    if alpha == 255 and not image.hasalpha():
        return inside.ifthenelse(image, colour[: image.bands], blend=True)
    image = as_rgb(image)
    image = image if image.hasalpha() else image.bandjoin(255)
    behind = [*(value * alpha / 255 for value in colour), alpha]
    return inside.ifthenelse(image.premultiply(), behind, blend=True).unpremultiply().rint().cast("uchar")


def _cut_out(image: vips.Image, inside: vips.Image) -> vips.Image:
    if not image.hasalpha():
        return image.bandjoin(inside)
    alpha = (image[image.bands - 1] * inside / 255).rint().cast("uchar")
    return image[0 : image.bands - 1].bandjoin(alpha)
