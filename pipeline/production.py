"""The order of the work: header, plan, decode, steps, encode.

libvips computes on demand, so a phase is only over when its pixels are in memory: they are copied there once after
decoding, scaling and colour (`decode`), and once after the steps (`steps`), both at output size, where it costs well
under a millisecond. What is left is the encoder's (`encode`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

from pipeline import animation, vips
from pipeline.colour import to_srgb
from pipeline.decode import in_memory, open_frame
from pipeline.encode import ENCODERS, encode
from pipeline.geometry import Plan, plan
from pipeline.header import read_header
from pipeline.passthrough import strip
from pipeline.rendition import Rendition
from pipeline.request import RenderRequest
from pipeline.source import SourceInfo
from pipeline.spec import Format, Rect
from pipeline.steps import STEPS, place_by_content, scale, turn
from pipeline.trim import resolve_trim


@dataclass(slots=True)
class Phases:
    """Wall-clock seconds by phase."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


def produce(data: bytes, request: RenderRequest) -> Rendition:
    """This will make one rendition; see `pipeline.render.render`."""
    phases = Phases()
    with phases.phase("decode"):
        info = read_header(data, request.limits)
        spec = resolve_trim(data, info, request.spec)
        work = plan(spec, width=info.width, height=info.height, orientation=info.orientation, limits=request.limits)
    pages = info.pages if info.is_animated and ENCODERS[request.format].animation else 1
    if pages > 1:
        animation.check_frames(work, pages, request.limits)
        image = _animated(data, info, work, phases)
    else:
        image = _still(data, info, work, phases)
    with phases.phase("encode"):
        body = encode(image, request.format, spec.quality)
        own = _own_bytes(data, info, work, request, pages)
    passthrough = own is not None and len(own) < len(body)
    return Rendition(
        body=own if own is not None and passthrough else body,
        format=cast(Format, info.format) if passthrough else request.format,
        width=image.width,
        height=image.height // pages,
        pages=pages,
        passthrough=passthrough,
        seconds=phases.seconds,
    )


def _still(data: bytes, info: SourceInfo, work: Plan, phases: Phases) -> vips.Image:
    with phases.phase("decode"):
        image = _without_opaque_alpha(_prepared(open_frame(data, info, work), info, work))
    with phases.phase("steps"):
        return _finished(image, place_by_content(turn(image, work), work))


def _animated(data: bytes, info: SourceInfo, work: Plan, phases: Phases) -> vips.Image:
    """This will do every step to every frame; the first one decides where a content-aware crop lies."""
    timing, frames = animation.open_frames(data, info)
    done = []
    for frame in frames:
        with phases.phase("decode"):
            image = _prepared(_cut(frame, work.area), info, work)
        with phases.phase("steps"):
            work = place_by_content(turn(image, work), work)
            done.append(_finished(image, work))
    return animation.join(done, timing)


def _cut(frame: vips.Image, area: Rect | None) -> vips.Image:
    return frame if area is None else frame.crop(area.left, area.top, area.width, area.height)


def _prepared(image: vips.Image, info: SourceInfo, work: Plan) -> vips.Image:
    """This will bring one frame into memory: scaled, 8-bit, in sRGB or grey, not yet turned."""
    return in_memory(to_srgb(scale(image, work), info), info.format)


def _finished(image: vips.Image, work: Plan) -> vips.Image:
    before = image
    for step in STEPS:
        image = step(image, work)
    return image if image is before else image.copy_memory()


def _without_opaque_alpha(image: vips.Image) -> vips.Image:
    """This will drop an alpha channel that hides nothing; every encoder writes less without it."""
    if image.hasalpha() and image[image.bands - 1].min() == 255:
        return image[0 : image.bands - 1].copy_memory()
    return image


def _own_bytes(data: bytes, info: SourceInfo, work: Plan, request: RenderRequest, pages: int) -> bytes | None:
    """This will return the source's own bytes without metadata where they show the same picture.

    They must be upright, 8-bit, sRGB, of the asked size and in a format the client takes.
    """
    same_pixels = (
        work.is_identity
        and info.is_srgb
        and info.bit_depth == 8
        and not (info.has_alpha and work.background is not None)
    )
    if not same_pixels or pages != info.pages or info.format not in request.source_formats:
        return None
    return strip(data, info.format)
