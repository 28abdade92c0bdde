"""Steps that move pixels: scale, turn, crop."""

from __future__ import annotations

from dataclasses import replace

from pipeline import vips
from pipeline.geometry import Plan
from pipeline.steps.alpha import on_premultiplied


def scale(image: vips.Image, plan: Plan) -> vips.Image:
    """This will resize to the plan's size, colours multiplied by alpha so that hidden ones do not bleed."""
    width, height = plan.stored_scaled_width, plan.stored_scaled_height
    if (image.width, image.height) == (width, height):
        return image
    return on_premultiplied(image, lambda picture: resize(picture, width, height))


def turn(image: vips.Image, plan: Plan) -> vips.Image:
    """This will make the picture upright, then turn it (counter-clockwise), then flip it."""
    image = _without_orientation(_upright(image, plan.orientation))
    if plan.rotate:
        image = image.rot(f"d{360 - plan.rotate}")
    if "h" in plan.flip:
        image = image.fliphor()
    if "v" in plan.flip:
        image = image.flipver()
    return image


def crop(image: vips.Image, plan: Plan) -> vips.Image:
    """This will keep the plan's box; where content decides its place, `place_by_content` has planned it already."""
    box = plan.crop
    if box is None:
        return image
    return image.crop(box.left, box.top, box.width, box.height)


def place_by_content(image: vips.Image, plan: Plan) -> Plan:
    """This will find the place of a content-aware crop in an upright, scaled picture, and plan a plain crop there."""
    if plan.crop is None or plan.smart_crop is None:
        return plan
    found = image.smartcrop(plan.crop.width, plan.crop.height, interesting=plan.smart_crop)
    place = replace(plan.crop, left=-found.xoffset, top=-found.yoffset)
    return replace(plan, crop=place, smart_crop=None)


def resize(image: vips.Image, width: int, height: int) -> vips.Image:
    return image.resize(width / image.width, vscale=height / image.height)


def _without_orientation(image: vips.Image) -> vips.Image:
    """This will take the tag away that the pixels no longer need: an AVIF is written with a turn of its own by it."""
    if image.get_typeof("orientation") == 0:
        return image
    image = image.copy()
    image.remove("orientation")
    return image


def _upright(image: vips.Image, orientation: int) -> vips.Image:
    match orientation:
        case 2:
            return image.fliphor()
        case 3:
            return image.rot180()
        case 4:
            return image.flipver()
        case 5:
            return image.rot90().fliphor()
        case 6:
            return image.rot90()
        case 7:
            return image.rot270().fliphor()
        case 8:
            return image.rot270()
    return image
