"""Where a watermark or a text lies on a result, and how large it is: numbers only."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.geometry import Size, round_half_up
from pipeline.spec import TransformSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """How something of any size is laid on a result."""

    align: str
    """`centre` or a compass point."""
    pad: int
    """Pixels to the edges; between tiles, the gap."""
    tile: bool
    opacity: float
    """0..1."""

    def room(self, size: Size) -> Size:
        """This will give what the padding leaves of a result of that size, at least a pixel."""
        return max(1, size[0] - 2 * self.pad), max(1, size[1] - 2 * self.pad)

    def place(self, own: Size, size: Size) -> tuple[int, int]:
        """This will give left and top for something of size `own`.

        >>> Placing(align="southeast", pad=5, tile=False, opacity=1).place((30, 20), (100, 80))
        (65, 55)
        """
        return (
            _along(size[0] - own[0], self.pad, self.align, "west", "east"),
            _along(size[1] - own[1], self.pad, self.align, "north", "south"),
        )


def mark_placing(spec: TransformSpec) -> Placing:
    return Placing(align=spec.mark_align, pad=spec.mark_pad, tile=spec.mark_tile, opacity=spec.mark_alpha / 100)


def text_placing(spec: TransformSpec) -> Placing:
    return Placing(align=spec.text_align, pad=spec.text_pad, tile=spec.text_tile, opacity=spec.text_alpha / 100)


def mark_size(own: Size, size: Size, scale: int, room: Size) -> Size:
    """This will give the size of a watermark: `scale` percent of the result's width, within the room, in its ratio.

    It is enlarged too, so that it takes the same share of every width of a srcset.

    >>> mark_size((400, 100), (1000, 500), 25, (990, 490)), mark_size((100, 400), (1000, 500), 25, (990, 490))
    ((250, 63), (123, 490))
    """
    width = min(round_half_up(size[0] * scale, 100), room[0])
    height = round_half_up(own[1] * width, own[0])
    if height <= room[1]:
        return width, height
    return round_half_up(own[0] * room[1], own[1]), room[1]


def _along(spare: int, pad: int, align: str, start: str, end: str) -> int:
    """Where it begins. Where the padding leaves too little room, it lies in the middle."""
    if spare < 2 * pad or not (start in align or end in align):
        return max(0, spare // 2)
    return pad if start in align else spare - pad
