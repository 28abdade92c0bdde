"""Steps that change detail, each pixel by its neighbours: pixelate, blur, sharpen."""

from __future__ import annotations

from pipeline import vips
from pipeline.geometry import Plan
from pipeline.steps.alpha import on_colour, on_premultiplied
from pipeline.steps.placing import resize

_DIRECT_BLUR_SIGMA = 2.0
"""Above this a Gaussian is drawn on a shrunken copy: sigma 200 would need a mask of 1,200 pixels."""


def pixelate(image: vips.Image, plan: Plan) -> vips.Image:
    """This will make squares of their mean colour, from the top left; those at the far edges are cut."""
    side = plan.spec.pixelate
    if side < 2:
        return image

    def mosaic(picture: vips.Image) -> vips.Image:
        means = picture.shrink(side, side, ceil=True)
        return means.zoom(side, side).crop(0, 0, picture.width, picture.height)

    return on_premultiplied(image, mosaic)


def blur(image: vips.Image, plan: Plan) -> vips.Image:
    sigma = plan.spec.blur / 10
    if sigma < 0.2:  # libvips' own mask is one pixel below this
        return image
    blurred = on_premultiplied(image, lambda picture: _gaussian(picture, sigma))
    return blurred.cast("uchar")  # left as it is, each value of an opaque picture takes four bytes from here on


def sharpen(image: vips.Image, plan: Plan) -> vips.Image:
    """This will sharpen lightness only; 50 is libvips' own strength, 100 is twice that."""
    strength = plan.spec.sharpen
    if not strength:
        return image
    return on_colour(image, lambda colour: colour.sharpen(sigma=1.0, x1=1.0, m1=0, m2=strength * 0.06))


def _gaussian(image: vips.Image, sigma: float) -> vips.Image:
    # With whole-number masks, libvips' own choice, a picture grows up to two levels lighter.
    if sigma <= _DIRECT_BLUR_SIGMA:
        return image.gaussblur(sigma, precision="float", min_ampl=0.02)
    # A picture of sigma 2 holds no detail that a small copy could lose.
    factor = min(sigma / _DIRECT_BLUR_SIGMA, max(1.0, min(image.width, image.height) / 4))
    small = resize(image, max(1, round(image.width / factor)), max(1, round(image.height / factor)))
    blurred = small.gaussblur(sigma / factor, precision="float", min_ampl=0.02)
    return blurred.resize(image.width / small.width, vscale=image.height / small.height, kernel="cubic")
