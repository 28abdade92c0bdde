"""Alpha apart from colour, and what is laid over or behind a picture."""

from __future__ import annotations

from collections.abc import Callable

from pipeline import vips
from pipeline.spec import Colour


def on_premultiplied(image: vips.Image, work: Callable[[vips.Image], vips.Image]) -> vips.Image:
    """This will do the work on colours multiplied by alpha, and undo that: hidden colours take no part."""
    if not image.hasalpha():
        return work(image)
    # The numbers' meaning is kept apart from their type: premultiply makes floats.
    return work(image.premultiply()).unpremultiply().cast(image.format)


def on_colour(image: vips.Image, work: Callable[[vips.Image], vips.Image]) -> vips.Image:
    """This will do the work on the colour bands alone; alpha is untouched."""
    if not image.hasalpha():
        return work(image)
    return work(image[0 : image.bands - 1]).bandjoin(image[image.bands - 1])


def over(image: vips.Image, background: Colour) -> vips.Image:
    """This will lay the picture over a background; an opaque one leaves no alpha."""
    *colour, alpha = background
    if not is_neutral(background):
        image = as_rgb(image)
    if alpha == 255:
        return image.flatten(background=colour[: image.bands - 1])
    image = as_rgb(image)
    ground = image.new_from_image(list(background)).cast("uchar").copy(interpretation="srgb")
    return ground.composite2(image, "over").cast("uchar")


def as_rgb(image: vips.Image) -> vips.Image:
    """This will widen grey to three equal bands."""
    return image if image.bands >= 3 else image.colourspace("srgb")


def is_neutral(colour: Colour) -> bool:
    return colour[0] == colour[1] == colour[2]
