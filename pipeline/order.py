"""A request worked out for its source, and the source as a single render opens it: anew for everything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline import animation, vips
from pipeline.encode import ENCODERS
from pipeline.frames import still
from pipeline.geometry import Plan, plan
from pipeline.header import read_header, read_page
from pipeline.limits import Limits
from pipeline.request import RenderRequest
from pipeline.source import SourceInfo
from pipeline.spec import TransformSpec
from pipeline.trim import resolve_trim


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be made, all sizes and places known."""

    request: RenderRequest
    info: SourceInfo
    """Of the page that is asked for."""
    work: Plan
    frames: int
    """How many will be written; 1 for a still."""


class Source:
    """A master's bytes. `pipeline.many` has another one, which keeps what several orders share."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def order(self, request: RenderRequest) -> Order:
        """This will read the header, find the border where a trim is asked for, and plan."""
        limits = request.limits
        info = self.page(request.spec.page, limits)
        spec = self.trimmed(info, request.spec, limits)
        work = plan(spec, width=info.width, height=info.height, orientation=info.orientation, limits=limits)
        frames = info.pages if info.is_animated and ENCODERS[request.format].animation else 1
        if frames > 1:
            animation.check_frames(work, frames, limits)
        return Order(request=request, info=info, work=work, frames=frames)

    def page(self, number: int | None, limits: Limits) -> SourceInfo:
        return read_page(self.data, read_header(self.data, limits), number, limits)

    def trimmed(self, info: SourceInfo, spec: TransformSpec, limits: Limits) -> TransformSpec:
        return resolve_trim(self.data, info, spec)

    def still(self, order: Order) -> vips.Image:
        """This will give one frame in memory: decoded, scaled, in sRGB, not yet turned."""
        return still(self.data, order.info, order.work)

    def animation(self, order: Order) -> tuple[animation.Timing, Iterator[vips.Image]]:
        """This will give all frames as stored, to be taken one after another."""
        return animation.open_frames(self.data, order.info)
