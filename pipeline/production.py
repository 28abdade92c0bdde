"""The order of the work: header, plan, watermark and text, decode, steps, encode.

libvips computes on demand, so a phase is only over when its pixels are in memory: they are copied there once after
decoding, scaling and colour (`decode`), and once after the steps (`steps`), both at output size, where it costs well
under a millisecond. What is left is the encoder's (`encode`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from pipeline import animation, metadata, vips
from pipeline.autoquality import Found, encode_to_target
from pipeline.cost import taken_effort
from pipeline.encode import Manner, chroma_of
from pipeline.fitting import Encoded, encode_within
from pipeline.frames import prepared
from pipeline.geometry import Plan
from pipeline.measuring import measured
from pipeline.order import Order, Source
from pipeline.passthrough import strip
from pipeline.passthrough.png import strip_png
from pipeline.phases import Phases
from pipeline.rendition import Rendition
from pipeline.request import RenderRequest
from pipeline.spec import Format, Rect
from pipeline.stamps import Stamp, stamps
from pipeline.steps import STEPS, place_by_content, turn


def produce(data: bytes, request: RenderRequest, *, measure: bool = False) -> Rendition:
    """This will make one rendition; see `pipeline.render.render`."""
    phases, source = Phases(), Source(data)
    order = ordered(source, request, phases)
    return written(source, drawn(source, order, phases), order, phases, measure=measure)


def ordered(source: Source, request: RenderRequest, phases: Phases) -> Order:
    with phases.phase("decode"):
        return source.order(request)


def drawn(source: Source, order: Order, phases: Phases) -> vips.Image:
    """This will make the finished pixels, of an animation all frames one below another."""
    with phases.phase("steps"):
        laid_on = stamps(order.work, _bytes_of(order.request.mark), order.request.limits)
    return (_animated if order.frames > 1 else _still)(source, order, laid_on, phases)


def written(source: Source, image: vips.Image, order: Order, phases: Phases, *, measure: bool = False) -> Rendition:
    """This will write the picture and, where asked to, compare what was written with it.

    A search has decoded and compared the file that it found, so that is not done again.
    """
    with phases.phase("encode"):
        rendition, found, pixels = _encoded(source.data, image, order, phases)
    if measure:
        with phases.phase("measure"):
            also = order.request.metrics
            if found.comparison is not None and not rendition.passthrough:
                rendition = replace(rendition, scores=found.comparison.scores(also))
            else:
                rendition = measured(rendition, pixels, also=also)
    return replace(rendition, seconds=phases.seconds)


def _bytes_of(mark: str | bytes | None) -> bytes | None:
    return Path(mark).read_bytes() if isinstance(mark, str) else mark


def _still(source: Source, order: Order, laid_on: Sequence[Stamp], phases: Phases) -> vips.Image:
    with phases.phase("decode"):
        image = source.still(order)
    with phases.phase("steps"):
        return _finished(image, place_by_content(turn(image, order.work), order.work), laid_on)


def _animated(source: Source, order: Order, laid_on: Sequence[Stamp], phases: Phases) -> vips.Image:
    """This will do every step to every frame; the first one decides where a content-aware crop lies."""
    work = order.work
    timing, frames = source.animation(order)
    done = []
    for frame in frames:
        with phases.phase("decode"):
            image = prepared(_cut(frame, work.area), order.info, work)
        with phases.phase("steps"):
            work = place_by_content(turn(image, work), work)
            done.append(_finished(image, work, laid_on))
    return animation.join(done, timing)


def _cut(frame: vips.Image, area: Rect | None) -> vips.Image:
    return frame if area is None else frame.crop(area.left, area.top, area.width, area.height)


def _finished(image: vips.Image, work: Plan, laid_on: Sequence[Stamp]) -> vips.Image:
    before = image
    for step in STEPS:
        image = step(image, work)
    for stamp in laid_on:
        image = stamp.on(image)
    return image if image is before else image.copy_memory()


def _encoded(data: bytes, image: vips.Image, order: Order, phases: Phases) -> tuple[Rendition, Found, vips.Image]:
    """This will write the picture, or take the source's own bytes where they show the same one in fewer.

    The last value is the pixels that were written: `max-bytes` may have made them fewer.
    """
    request, most = order.request, order.work.spec.max_bytes
    own = _own_bytes(data, order)
    # Where the source's own bytes keep the bound, nothing has to be given up for it.
    bound = None if own is not None and most is not None and len(own) <= most else most
    carrying = metadata.carry(image, data, order.info, order.work.spec, request.format)
    decided_for_own = own is not None and request.decided is not None and request.decided.own_bytes
    if own is not None and decided_for_own:
        is_measured = order.frames == 1 and carrying.width * carrying.height > 1
        found = Found(made=Encoded(body=own, quality=None, image=carrying), target_met=True if is_measured else None)
    else:
        found = _found(carrying, order, bound, phases)
    made = found.made
    if own is None and request.own_colours and len(made.body) > len(data):
        own = _in_own_colours(data, order)
    passthrough = decided_for_own or (own is not None and len(own) < len(made.body))
    body = own if own is not None and passthrough else made.body
    pixels = carrying if passthrough else made.image
    rendition = Rendition(
        body=body,
        format=cast(Format, order.info.format) if passthrough else request.format,
        width=pixels.width,
        height=pixels.height // order.frames,
        pages=order.frames,
        passthrough=passthrough,
        quality=None if passthrough or made.lossless else made.quality,
        max_bytes_met=None if most is None else len(body) <= most,
        target=order.work.spec.target,
        target_met=True if passthrough and found.target_met is not None else found.target_met,
        bound="" if passthrough else found.bound,
        trial_encodes=found.trials,
        curve=found.curve,
        chroma=None if passthrough else found.chroma,
        effort=taken_effort(request.format, request.effort, pixels.width * pixels.height / 1e6),
        # Of what has no quality, and of what cannot be measured, nothing better would follow.
        provisional=request.predict and found.target_met is not None and request.format != "gif",
    )
    return rendition, found, pixels


def _found(image: vips.Image, order: Order, max_bytes: int | None, phases: Phases) -> Found:
    request, spec = order.request, order.work.spec
    if spec.target is not None and order.frames == 1:  # an animation cannot be measured
        return encode_to_target(image, request, spec.target, max_bytes, phases)
    quality = spec.quality if isinstance(spec.quality, int) else None
    manner = Manner(effort=request.effort)
    made = encode_within(image, request.format, quality, max_bytes, pages=order.frames, manner=manner)
    return Found(made=made, chroma=chroma_of(request.format, manner))


def _own_bytes(data: bytes, order: Order) -> bytes | None:
    """This will return the source's own bytes where they show the same picture, without metadata unless it is kept.

    They must be upright, of the asked size and in a format the client takes; and 8-bit and sRGB, where the pixels
    would not be left as they are anyway.
    """
    info, work, spec = order.info, order.work, order.work.spec
    same_pixels = (
        work.is_identity
        and (info.is_srgb or spec.keep_profile)
        and (info.bit_depth == 8 or spec.keep_metadata)
        and not (info.has_alpha and spec.background is not None)
    )
    if not same_pixels or order.frames != info.pages or info.format not in order.request.source_formats:
        return None
    own = strip(data, info.format)
    if not spec.keep_metadata:
        return own
    # An AVIF with metadata cannot be stripped. What else cannot is not whole, whatever it shows here.
    is_whole = own is not None or info.format == "avif"
    return data if is_whole and metadata.says_upright(data, info) else None


def _in_own_colours(data: bytes, order: Order) -> bytes | None:
    """This will return a PNG's own bytes with its profile, of any depth, but without EXIF and text."""
    if not order.work.is_identity or (order.info.format, order.request.format) != ("png", "png"):
        return None
    return strip_png(data, colour=True)
