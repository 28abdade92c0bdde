"""Which size the service delivers: its own arithmetic (`pipeline.ladder`, `pipeline.geometry`), as far as sizes go.

A test holds both to each other over thousands of shapes, because a `srcset` that tells a wrong width makes browsers
choose wrongly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from imgopt_client.errors import BadArgument, Mismatch
from imgopt_client.ladder import DEFAULT_LADDER, snap
from imgopt_client.shape import MAX_PAD, MAX_SIDE, Shape

Size = tuple[int, int]
Sides = tuple[int | None, int | None]

ENLARGED_AREA = 4
"""How many times the limit an enlarged picture may have before its crop."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the service is set to: its ladder, and the largest result that it makes."""

    ladder: tuple[int, ...] = DEFAULT_LADDER
    """Empty: every width is made as it is asked for."""
    max_side: int = MAX_SIDE
    max_megapixels: float = 40

    def __post_init__(self) -> None:
        if not all(low < high for low, high in zip((0, *self.ladder), self.ladder, strict=False)):
            raise BadArgument(f"Expected a ladder of rising widths from 1 up, received {self.ladder!r}.")


@dataclass(frozen=True, slots=True)
class Delivered:
    width: int
    height: int
    is_limited: bool
    """Whether the picture has fewer pixels than were asked for."""


def delivered(size: Size, shape: Shape, bounds: Bounds) -> Delivered | None:
    """This will give the size of the result for a picture of `size`; `None`: the service refuses it as too large."""
    resolved = _resolved(shape, bounds.ladder)
    if resolved is None:
        return None
    start = _start(size, resolved)
    box = _box(resolved, start, bounds)
    scaled, is_limited = _scaled(resolved, start, box)
    canvas = _canvas(resolved, scaled, box)
    width, height = canvas[0] + 2 * resolved.pad, canvas[1] + 2 * resolved.pad
    most = bounds.max_megapixels * 1e6
    if _is_beyond(width, height, bounds) or scaled[0] * scaled[1] > max(start[0] * start[1], ENLARGED_AREA * most):
        return None
    return Delivered(width, height, is_limited)


def layout(size: Size, shape: Shape) -> Size:
    """This will give the size in CSS pixels that a fixed picture takes on the page, however few pixels it has."""
    exact = replace(shape, enlarge=True, snaps=False, dpr_percent=100)
    found = delivered(size, exact, Bounds((), max_side=10**9, max_megapixels=1e12))
    if found is None:
        raise BadArgument(f"Expected at most {MAX_SIDE} px for w and h after ar, received more.")
    return found.width, found.height


def round_half_up(numerator: int, denominator: int) -> int:
    return max(1, (2 * numerator + denominator) // (2 * denominator))


def _resolved(shape: Shape, ladder: tuple[int, ...]) -> Shape | None:
    """Device pixel ratio and ladder folded into the sides; `None` where a side becomes too long."""
    width, height = _times(shape.width, shape.dpr_percent), _times(shape.height, shape.dpr_percent)
    ratio = shape.ratio
    if ratio and height and not width:
        width = round_half_up(height * ratio[0], ratio[1])
    if width and height:
        ratio = None
    if width and shape.snaps:
        width, height = _snapped(width, height, ladder)
    if ratio and width:
        height, ratio = round_half_up(width * ratio[1], ratio[0]), None
    pad = _times(shape.pad, shape.dpr_percent) or 0
    if (width or 0) > MAX_SIDE or (height or 0) > MAX_SIDE or pad > MAX_PAD:
        return None
    return replace(shape, width=width, height=height, ratio=ratio, pad=pad)


def _times(length: int | None, percent: int) -> int | None:
    return length and round_half_up(length * percent, 100)


def _snapped(width: int, height: int | None, ladder: tuple[int, ...]) -> Sides:
    rung = snap(width, ladder)
    if height is None:
        return rung, None
    scaled = round_half_up(height * rung, width)
    return (rung, scaled) if scaled <= MAX_SIDE else (width, height)


def _start(size: Size, shape: Shape) -> Size:
    """The part of the picture to start from, turned."""
    width, height = size
    if shape.rect is not None:
        left, top, across, down = shape.rect
        width, height = min(across, width - left), min(down, height - top)
        if width < 1 or height < 1:
            raise Mismatch(
                f"Expected an area of the picture, which has {size[0]} × {size[1]} px, for rect, "
                f"received '{left},{top},{across},{down}'."
            )
    return (height, width) if shape.turns else (width, height)


def _box(shape: Shape, start: Size, bounds: Bounds) -> Sides:
    if shape.width or shape.height:
        return shape.width, shape.height
    if shape.ratio:
        return _natural(_largest(shape.ratio, start), shape.pad, bounds)
    width, height = _natural(start, shape.pad, bounds)
    return (width, None) if width >= height else (None, height)


def _largest(ratio: Size, room: Size) -> Size:
    across, down = ratio
    if room[0] * down >= room[1] * across:
        return min(room[0], round_half_up(room[1] * across, down)), room[1]
    return room[0], min(room[1], round_half_up(room[0] * down, across))


def _natural(size: Size, pad: int, bounds: Bounds) -> Size:
    """The picture's own size, or the largest like it that keeps the bounds."""
    longest = max(size)
    low, high = 1, longest
    while low < high:
        middle = (low + high + 1) // 2
        width, height = (round_half_up(side * middle, longest) for side in size)
        if _is_beyond(width + 2 * pad, height + 2 * pad, bounds):
            high = middle - 1
        else:
            low = middle
    return round_half_up(size[0] * low, longest), round_half_up(size[1] * low, longest)


def _is_beyond(width: int, height: int, bounds: Bounds) -> bool:
    return max(width, height) > bounds.max_side or width * height > bounds.max_megapixels * 1e6


def _scaled(shape: Shape, start: Size, box: Sides) -> tuple[Size, bool]:
    """The size of the scaled picture before its crop, and whether it should have been larger than it is."""
    width, height = start
    if shape.fit == "scale" and box[0] and box[1]:
        is_limited = box[0] > width or box[1] > height
        return ((box[0], box[1]) if shape.enlarge else (min(box[0], width), min(box[1], height))), is_limited
    ratios = [(wanted, side) for wanted, side in zip(box, start, strict=True) if wanted]
    first, last = ratios[0], ratios[-1]
    smaller, larger = (first, last) if first[0] * last[1] <= last[0] * first[1] else (last, first)
    wanted, side = larger if shape.fit in ("crop", "outside") else smaller
    is_limited = wanted > side
    if is_limited and not shape.enlarge:
        wanted, side = 1, 1
    return (round_half_up(width * wanted, side), round_half_up(height * wanted, side)), is_limited


def _canvas(shape: Shape, scaled: Size, box: Sides) -> Size:
    if shape.fit not in ("crop", "fill") or not (box[0] and box[1]):
        return scaled
    if shape.fit == "fill" or (box[0] <= scaled[0] and box[1] <= scaled[1]):
        return box[0], box[1]
    return _largest((box[0], box[1]), scaled)
