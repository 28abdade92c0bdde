"""What is done to a picture, one small function a step; each changes nothing but its image.

A step gets the image that the step before it returned and the plan, and returns early where the plan asks nothing.
Geometry is decided in `pipeline.geometry`; libvips only obeys.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from pipeline import vips
from pipeline.geometry import Plan
from pipeline.spec import Colour, Rect

Step = Callable[[vips.Image, Plan], vips.Image]

_TRANSPARENT: Final[Colour] = (255, 255, 255, 0)
_DIRECT_BLUR_SIGMA = 2.0
"""Above this a Gaussian is drawn on a shrunken copy: sigma 200 would need a mask of 1,200 pixels."""


def scale(image: vips.Image, plan: Plan) -> vips.Image:
    """This will resize to the plan's size, colours multiplied by alpha so that hidden ones do not bleed."""
    width, height = plan.stored_scaled_width, plan.stored_scaled_height
    if (image.width, image.height) == (width, height):
        return image
    if not image.hasalpha():
        return _resize(image, width, height)
    # The numbers' meaning is kept apart from their type: premultiply makes floats.
    band_format = image.format
    return _resize(image.premultiply(), width, height).unpremultiply().cast(band_format)


def turn(image: vips.Image, plan: Plan) -> vips.Image:
    """This will make the picture upright, then turn it (counter-clockwise), then flip it."""
    image = _upright(image, plan.orientation)
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


def blur(image: vips.Image, plan: Plan) -> vips.Image:
    sigma = plan.blur / 10
    if sigma < 0.2:  # libvips' own mask is one pixel below this
        return image
    return _on_premultiplied(image, lambda picture: _gaussian(picture, sigma))


def sharpen(image: vips.Image, plan: Plan) -> vips.Image:
    """This will sharpen lightness only; 50 is libvips' own strength, 100 is twice that."""
    if not plan.sharpen:
        return image
    alpha = image[image.bands - 1] if image.hasalpha() else None
    colour = image[0 : image.bands - 1] if alpha is not None else image
    sharp = colour.sharpen(sigma=1.0, x1=1.0, m1=0, m2=plan.sharpen * 0.06)
    return sharp if alpha is None else sharp.bandjoin(alpha)


def underlay(image: vips.Image, plan: Plan) -> vips.Image:
    """This will put the background behind a picture's transparent parts where one is asked for."""
    if plan.background is None or not image.hasalpha():
        return image
    return over(image, plan.background)


def letterbox(image: vips.Image, plan: Plan) -> vips.Image:
    if not plan.letterboxes:
        return image
    return _extend(
        image,
        plan,
        Rect(left=plan.picture_left, top=plan.picture_top, width=plan.canvas_width, height=plan.canvas_height),
    )


def pad(image: vips.Image, plan: Plan) -> vips.Image:
    if not plan.pad:
        return image
    return _extend(image, plan, Rect(left=plan.pad, top=plan.pad, width=plan.output_width, height=plan.output_height))


STEPS: tuple[Step, ...] = (turn, crop, blur, sharpen, underlay, letterbox, pad)
"""In the order of `TransformSpec`. `scale` and the colour step go before them, while the source is still a stream."""


def place_by_content(image: vips.Image, plan: Plan) -> Plan:
    """This will find the place of a content-aware crop in an upright, scaled picture, and plan a plain crop there."""
    if plan.crop is None or plan.smart_crop is None:
        return plan
    found = image.smartcrop(plan.crop.width, plan.crop.height, interesting=plan.smart_crop)
    place = replace(plan.crop, left=-found.xoffset, top=-found.yoffset)
    return replace(plan, crop=place, smart_crop=None)


def over(image: vips.Image, background: Colour) -> vips.Image:
    """This will lay the picture over a background; an opaque one leaves no alpha."""
    *colour, alpha = background
    if not _is_neutral(background):
        image = as_rgb(image)
    if alpha == 255:
        return image.flatten(background=colour[: image.bands - 1])
    image = as_rgb(image)
    ground = image.new_from_image(list(background)).cast("uchar").copy(interpretation="srgb")
    return ground.composite2(image, "over").cast("uchar")


def as_rgb(image: vips.Image) -> vips.Image:
    """This will widen grey to three equal bands."""
    return image if image.bands >= 3 else image.colourspace("srgb")


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


def _resize(image: vips.Image, width: int, height: int) -> vips.Image:
    return image.resize(width / image.width, vscale=height / image.height)


def _gaussian(image: vips.Image, sigma: float) -> vips.Image:
    # With whole-number masks, libvips' own choice, a picture grows up to two levels lighter.
    if sigma <= _DIRECT_BLUR_SIGMA:
        return image.gaussblur(sigma, precision="float", min_ampl=0.02)
    # A picture of sigma 2 holds no detail that a small copy could lose.
    factor = min(sigma / _DIRECT_BLUR_SIGMA, max(1.0, min(image.width, image.height) / 4))
    small = _resize(image, max(1, round(image.width / factor)), max(1, round(image.height / factor)))
    blurred = small.gaussblur(sigma / factor, precision="float", min_ampl=0.02)
    return blurred.resize(image.width / small.width, vscale=image.height / small.height, kernel="cubic")


def _on_premultiplied(image: vips.Image, work: Callable[[vips.Image], vips.Image]) -> vips.Image:
    if not image.hasalpha():
        return work(image)
    return work(image.premultiply()).unpremultiply().cast(image.format)


def _extend(image: vips.Image, plan: Plan, canvas: Rect) -> vips.Image:
    """This will lay the picture at the canvas's left and top, on its background or on nothing where none is given."""
    background = plan.background or _TRANSPARENT
    if not _is_neutral(background):
        image = as_rgb(image)
    if background[3] < 255 and not image.hasalpha():
        image = image.bandjoin(255)
    *colour, alpha = background
    ink = [*colour[: image.bands - 1], alpha] if image.hasalpha() else colour[: image.bands]
    return image.embed(canvas.left, canvas.top, canvas.width, canvas.height, extend="background", background=ink)


def _is_neutral(colour: Colour) -> bool:
    return colour[0] == colour[1] == colour[2]
