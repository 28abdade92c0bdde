"""What is laid on a picture: a colour or another picture, as far as its coverage says."""

from __future__ import annotations

from pipeline import vips
from pipeline.spec import Colour
from pipeline.steps.alpha import as_rgb, is_neutral


def lay(image: vips.Image, layer: vips.Image | Colour, coverage: vips.Image, *, opacity: float = 1.0) -> vips.Image:
    """This will lay a colour, or an RGB picture of the same size, on an image.

    `coverage` has one band: 0 leaves the image as it is, 255 covers it. A colour's alpha weakens it.
    """
    if isinstance(layer, tuple):
        *colour, alpha = layer
        opacity *= alpha / 255
        image = image if is_neutral(layer) else as_rgb(image)
        ink = image.new_from_image(colour[: 1 if image.bands < 3 else 3]).cast("uchar")
    else:
        image, ink = as_rgb(image), layer
    if opacity < 1:
        coverage = (coverage * opacity).rint().cast("uchar")
    if not image.hasalpha():
        return coverage.ifthenelse(ink, image, blend=True)
    above = as_rgb(ink).copy(interpretation="srgb").bandjoin(coverage)
    return as_rgb(image).composite2(above, "over").cast("uchar")
