"""A file that was written before, compared with the pixels that it was made from: those are drawn anew."""

from __future__ import annotations

from pipeline import metadata, vips
from pipeline.fitting import scaled
from pipeline.header import read_header
from pipeline.limits import Limits
from pipeline.measuring import measured
from pipeline.order import Source
from pipeline.phases import Phases
from pipeline.production import drawn, ordered
from pipeline.rendition import Measured, Rendition
from pipeline.request import RenderRequest
from pipeline.spec import Format

MOVES = "Animations are not measured."


def remeasure(data: bytes, request: RenderRequest, body: bytes, file_format: Format) -> Measured:
    """This will draw what was asked for again, and measure a file against it.

    It may be smaller than what was asked for: `max-bytes` takes pixels where nothing else helps.
    """
    phases, source = Phases(), Source(data)
    order = ordered(source, request, phases)
    if order.frames > 1:
        return Measured(reason=MOVES)
    pixels = metadata.carry(drawn(source, order, phases), data, order.info, order.work.spec, request.format)
    if order.work.spec.max_bytes is not None:
        pixels = _as_small(pixels, body, request.limits)
    with phases.phase("measure"):
        rendition = Rendition(body=body, format=file_format, width=pixels.width, height=pixels.height)
        made = measured(rendition, pixels, also=request.metrics)
    return Measured(scores=made.scores, reason=made.unmeasured, seconds=phases.seconds["measure"])


def _as_small(pixels: vips.Image, body: bytes, limits: Limits) -> vips.Image:
    info = read_header(body, limits)
    size = (info.width, info.height)
    return pixels if size == (pixels.width, pixels.height) else scaled(pixels, size, 1)
