"""A source that several orders share: what was last read of it is kept."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import replace
from typing import Final

import pyvips

from pipeline import animation, vips
from pipeline.admission import HELD_MEGABYTES
from pipeline.decode import open_frame, shrink_on_load
from pipeline.errors import ImgoptError
from pipeline.frames import still_of
from pipeline.limits import Limits
from pipeline.order import Order, Source
from pipeline.outcome import Last
from pipeline.source import SourceInfo
from pipeline.spec import TransformSpec

_BYTES: Final = {"uchar": 1, "char": 1, "ushort": 2, "short": 2}


class SharedSource(Source):
    """A master's bytes, with what was last read of them."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._pages: dict[Hashable, SourceInfo] = {}
        self._trims: dict[Hashable, TransformSpec] = {}
        self._sizes: dict[Hashable, set[Hashable]] = {}
        self._decoded, self._scaled = Last[vips.Image](), Last[vips.Image]()

    def expect(self, orders: Iterable[Order]) -> None:
        """This will note what is going to be asked for: a source that only one size is made of is not kept."""
        for order in orders:
            self._sizes.setdefault(opened(order), set()).add(scaled(order))

    def page(self, number: int | None, limits: Limits) -> SourceInfo:
        key = (number, bounds(limits))
        if key not in self._pages:
            self._pages[key] = super().page(number, limits)
        return self._pages[key]

    def trimmed(self, info: SourceInfo, spec: TransformSpec, limits: Limits) -> TransformSpec:
        key = (spec.page, spec.rect, spec.trim)
        if key not in self._trims:
            self._trims[key] = super().trimmed(info, spec, limits)
        return replace(spec, rect=self._trims[key].rect, trim=0)

    def still(self, order: Order) -> vips.Image:
        return self._scaled.get(scaled(order), lambda: still_of(self._open(order), order.info, order.work))

    def animation(self, order: Order) -> tuple[animation.Timing, Iterator[vips.Image]]:
        return animation.frames_of(self._open(order), order.info)

    def _open(self, order: Order) -> vips.Image:
        """This will decode the source completely and keep it, where that can be done and saves anything."""
        if len(self._sizes[opened(order)]) > 1:
            try:
                return self._decoded.get(opened(order), lambda: _hold(self.data, order))
            except CannotBeHeld:
                pass  # and the part that this order needs may still be sound
        return _open_lazily(self.data, order)


class CannotBeHeld(ImgoptError):
    """A source that is too large to be kept decoded, or damaged somewhere."""


def _hold(data: bytes, order: Order) -> vips.Image:
    image = _open_lazily(data, order)
    byte_size = image.width * image.height * image.bands * _BYTES.get(image.format, 4)
    if byte_size > HELD_MEGABYTES * 1e6:
        raise CannotBeHeld(f"Expected at most {HELD_MEGABYTES:g} MB of pixels, received {byte_size} bytes.")
    try:
        return image.copy_memory()
    except (pyvips.Error, MemoryError) as error:
        raise CannotBeHeld(str(error)) from error


def _open_lazily(data: bytes, order: Order) -> vips.Image:
    if order.frames > 1:
        return animation.open_strip(data, order.info)
    return open_frame(data, order.info, order.work)


def opened(order: Order) -> Hashable:
    """What decides which pixels are decoded."""
    if order.frames > 1:
        return "animation"
    return order.work.spec.page, order.work.area, shrink_on_load(order.info, order.work)


def scaled(order: Order) -> Hashable:
    """What decides which pixels are left after scaling."""
    work = order.work
    return opened(order), work.stored_scaled_width, work.stored_scaled_height, work.spec.keep_profile


def bounds(limits: Limits) -> Hashable:
    """This will give the limits as a key."""
    return (
        frozenset(limits.max_megapixels.items()),
        limits.max_pages,
        limits.max_output_side,
        limits.max_output_megapixels,
    )
