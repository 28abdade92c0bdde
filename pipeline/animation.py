"""Frames in time: taken apart, worked on one by one, and joined again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyvips

from pipeline import vips
from pipeline.errors import OutputTooLarge
from pipeline.geometry import Plan
from pipeline.header import has_field, open_lazily
from pipeline.limits import Limits
from pipeline.source import SourceInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    delays: tuple[int, ...]
    """Milliseconds by frame; empty if the file says nothing."""
    loop: int
    """How often to play; 0: for ever."""


def open_frames(data: bytes, info: SourceInfo) -> tuple[Timing, Iterator[vips.Image]]:
    """This will open an animation: its timing, and its frames composed as a viewer shows them.

    The frames lie one below another in one stream, and each must be computed before the next is taken; then memory
    holds one of them, whatever their number.
    """
    return frames_of(open_strip(data, info), info)


def open_strip(data: bytes, info: SourceInfo) -> vips.Image:
    """This will open all frames, one below another."""
    return open_lazily(data, info.format, n=-1)


def frames_of(strip: vips.Image, info: SourceInfo) -> tuple[Timing, Iterator[vips.Image]]:
    width, height = info.stored_size
    return timing_of(strip), (strip.crop(0, height * page, width, height) for page in range(info.pages))


def timing_of(strip: vips.Image) -> Timing:
    return Timing(
        delays=tuple(strip.get("delay")) if has_field(strip, "delay") else (),
        loop=int(strip.get("loop")) if has_field(strip, "loop") else 0,
    )


def join(frames: Sequence[vips.Image], timing: Timing) -> vips.Image:
    """This will put finished frames of one size into one animation."""
    joined = pyvips.Image.arrayjoin(list(frames), across=1).copy()
    joined.set_type(pyvips.GValue.gint_type, "page-height", frames[0].height)
    joined.set_type(pyvips.GValue.gint_type, "loop", timing.loop)
    if timing.delays:
        joined.set_type(pyvips.GValue.array_int_type, "delay", list(timing.delays))
    return joined


def check_frames(plan: Plan, pages: int, limits: Limits) -> None:
    """This will raise `OutputTooLarge` where all frames together have more pixels than a variant may have."""
    megapixels = plan.output_width * plan.output_height * pages / 1e6
    if megapixels > limits.max_output_megapixels:
        raise OutputTooLarge(
            f"The result may have at most {limits.max_output_megapixels:g} megapixels in all frames, "
            f"and {pages} frames of {plan.output_width} × {plan.output_height} px ({megapixels:.1f} megapixels) "
            "were asked for."
        )
