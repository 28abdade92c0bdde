"""Watermark and text: made once for a result's size, and laid on each of its frames."""

from __future__ import annotations

from dataclasses import dataclass

import pyvips

from pipeline import vips
from pipeline.errors import BadParameter, ImgoptError
from pipeline.frames import still
from pipeline.geometry import Plan, Size, plan
from pipeline.header import read_header
from pipeline.lettering import lettering
from pipeline.limits import Limits
from pipeline.overlays import Placing, mark_placing, mark_size, text_placing
from pipeline.spec import Colour, TransformSpec
from pipeline.steps import as_rgb, turn
from pipeline.steps.stamping import lay


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """Something to lay on a result, of the result's size."""

    layer: vips.Image | Colour
    coverage: vips.Image
    opacity: float

    def on(self, image: vips.Image) -> vips.Image:
        return lay(image, self.layer, self.coverage, opacity=self.opacity)


def stamps(work: Plan, mark: bytes | None, limits: Limits) -> list[Stamp]:
    """This will make what the plan's spec asks to be laid on its result, in the order in which it is laid on."""
    size = (work.output_width, work.output_height)
    made = []
    if work.spec.mark:
        made.append(_watermark(work.spec, size, mark, limits))
    if work.spec.text:
        placing = text_placing(work.spec)
        letters = lettering(work.spec, placing.room(size))
        made.append(
            Stamp(layer=work.spec.text_colour, coverage=_spread(letters, placing, size), opacity=placing.opacity)
        )
    return made


def _watermark(spec: TransformSpec, size: Size, mark: bytes | None, limits: Limits) -> Stamp:
    if mark is None:
        raise BadParameter("Expected a picture to lay on for mark, received only its name.")
    placing = mark_placing(spec)
    try:
        image = _scaled_mark(mark, spec, size, placing, limits)
    except ImgoptError as error:
        raise type(error)(f"The watermark: {error.message}") from error
    coverage = image[image.bands - 1] if image.hasalpha() else _full(image)
    colour = as_rgb(image[0 : image.bands - 1] if image.hasalpha() else image)
    return Stamp(
        layer=_spread(colour, placing, size), coverage=_spread(coverage, placing, size), opacity=placing.opacity
    )


def _scaled_mark(data: bytes, spec: TransformSpec, size: Size, placing: Placing, limits: Limits) -> vips.Image:
    """This will bring the watermark into memory, upright and in sRGB as any source, at the size it is to have."""
    info = read_header(data, limits)
    width, height = mark_size((info.width, info.height), size, spec.mark_scale, placing.room(size))
    asked = TransformSpec(width=width, height=height, fit="scale", enlarge=True)
    work = plan(asked, width=info.width, height=info.height, orientation=info.orientation, limits=limits)
    return turn(still(data, info, work), work).copy_memory()


def _spread(image: vips.Image, placing: Placing, size: Size) -> vips.Image:
    """This will lay one image, or as many tiles as there is room for, on nothing of the result's size."""
    width, height = size
    if not placing.tile:
        left, top = placing.place((image.width, image.height), size)
        return image.embed(left, top, width, height)
    across, down = image.width + placing.pad, image.height + placing.pad
    tile = image.embed(placing.pad, placing.pad, across, down).copy_memory()
    return tile.replicate(-(-width // across), -(-height // down)).crop(0, 0, width, height)


def _full(image: vips.Image) -> vips.Image:
    return pyvips.Image.black(image.width, image.height).invert()
