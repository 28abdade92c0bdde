"""Where to cut and how much to scale: arithmetic without pixels.

A plan is carried out in this order, and nothing in it needs to be worked out again:

    cut `area` in stored pixels → scale to `stored_scaled_width` × `stored_scaled_height` → make upright by
    `orientation` → turn by `rotate` (counter-clockwise) → `flip` → cut `crop` → tones and detail by `spec` → lay on
    the canvas at (`picture_left`, `picture_top`) → border and mask by `spec` → add its `pad` on every side

Lengths are kept as fractions of whole numbers until they are rounded, half up, so no result hangs on a float.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from pipeline.areas import clamp_rect, start_area
from pipeline.errors import OutputTooLarge
from pipeline.limits import Limits
from pipeline.spec import Rect, TransformSpec

Size = tuple[int, int]
Point = tuple[float, float]

SMART = ("attention", "entropy")

ENLARGED_AREA = 4
"""How many times the output's limit an enlarged picture may have before its crop.

A 1×8192 strip made to fill a square would otherwise be scaled to gigapixels of which one tile is kept.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A spec worked out for one master's size.

    `area` and the `stored_…` sizes are in pixels of the master as stored (before its EXIF orientation); everything
    else is in output pixels after all turns.
    """

    spec: TransformSpec
    """What was asked for; strengths and colours are read from it, for they need no working out."""
    area: Rect | None
    """The part of the stored picture to start from; None: all of it."""
    stored_width: int
    stored_height: int
    """Size of that part, or of the whole stored picture."""
    orientation: int
    """EXIF orientation 1..8 that makes the stored picture upright."""
    rotate: int
    """0, 90, 180 or 270 degrees counter-clockwise, after the picture is upright."""
    flip: str
    """`h` mirrors left and right, `v` top and bottom, `hv` both; after `rotate`."""
    scaled_width: int
    scaled_height: int
    """Size after scaling, as seen after all turns, before the crop."""
    crop: Rect | None
    """What to keep of the scaled picture; None: all of it."""
    smart_crop: str | None
    """`attention` or `entropy`: `crop`'s width and height hold, its place is found by content."""
    canvas_width: int
    canvas_height: int
    """Size after letterboxing, before padding."""
    picture_left: int
    picture_top: int
    """Where the picture lies on the canvas."""

    @property
    def swaps_axes(self) -> bool:
        """Whether the stored picture's width runs along the result's height."""
        return (self.orientation >= 5) != (self.rotate in (90, 270))

    @property
    def stored_scaled_width(self) -> int:
        return self.scaled_height if self.swaps_axes else self.scaled_width

    @property
    def stored_scaled_height(self) -> int:
        return self.scaled_width if self.swaps_axes else self.scaled_height

    @property
    def scales(self) -> bool:
        return (self.stored_width, self.stored_height) != (self.stored_scaled_width, self.stored_scaled_height)

    @property
    def picture_width(self) -> int:
        """Width after the crop, before the canvas."""
        return self.crop.width if self.crop else self.scaled_width

    @property
    def picture_height(self) -> int:
        return self.crop.height if self.crop else self.scaled_height

    @property
    def letterboxes(self) -> bool:
        """Whether the canvas is larger than the picture, so that background shows."""
        return (self.canvas_width, self.canvas_height) != (self.picture_width, self.picture_height)

    @property
    def output_width(self) -> int:
        return self.canvas_width + 2 * self.spec.pad

    @property
    def output_height(self) -> int:
        return self.canvas_height + 2 * self.spec.pad

    @property
    def is_identity(self) -> bool:
        """Whether an opaque picture would keep every pixel: nothing but encoding happens.

        `background` is not asked: it shows only behind transparent pixels. A page that is asked for is one of a file
        that may have more.
        """
        turned = self.orientation != 1 or self.rotate or self.flip
        resized = self.area or self.scales or self.crop or self.letterboxes or self.spec.pad
        return not (turned or resized or self.spec.has_effects or self.spec.page)


def plan(spec: TransformSpec, *, width: int, height: int, orientation: int, limits: Limits) -> Plan:
    """This will work out `spec` for an upright master of `width` × `height` that is stored with `orientation`.

    The spec must be resolved (`ladder.resolve`: dpr 1). Its `trim` hangs on pixels and is not looked at: find
    the border in `areas.start_area`, and plan what `areas.after_trim` gives.

    >>> spec = TransformSpec(width=400, height=300, fit="crop", gravity="centre")
    >>> done = plan(spec, width=1000, height=500, orientation=1, limits=Limits())
    >>> (done.scaled_width, done.scaled_height), done.crop
    ((600, 300), Rect(left=100, top=0, width=400, height=300))

    Raises BadParameter for a `rect` outside the picture, OutputTooLarge for a size asked for beyond `limits`; where
    no size is asked for, the picture's own is made smaller to keep them.
    """
    if spec.dpr != 1:
        raise ValueError(f"A plan needs a resolved spec with dpr 1, and got dpr {spec.dpr}.")
    start = clamp_rect(spec.rect, width, height)
    turned = (start.height, start.width) if spec.rotate in (90, 270) else (start.width, start.height)
    box = _box(spec, turned, limits)
    scaled = _scaled(spec, turned, box)
    kept, canvas = _kept_and_canvas(spec, scaled, box)
    place = _place(spec, _turned_focal_point(spec, start, width, height), scaled, kept)
    swapped = orientation >= 5
    cuts = kept != scaled
    result = Plan(
        spec=spec,
        area=start_area(spec, width=width, height=height, orientation=orientation),
        stored_width=start.height if swapped else start.width,
        stored_height=start.width if swapped else start.height,
        orientation=orientation,
        rotate=spec.rotate,
        flip=spec.flip,
        scaled_width=scaled[0],
        scaled_height=scaled[1],
        crop=Rect(left=place[0], top=place[1], width=kept[0], height=kept[1]) if cuts else None,
        smart_crop=spec.gravity if cuts and spec.gravity in SMART else None,
        canvas_width=canvas[0],
        canvas_height=canvas[1],
        picture_left=_lay(canvas[0] - kept[0], spec.gravity, "west", "east"),
        picture_top=_lay(canvas[1] - kept[1], spec.gravity, "north", "south"),
    )
    _refuse_too_large(result, turned, limits)
    return result


def round_half_up(numerator: int, denominator: int) -> int:
    """This will give a length in whole pixels, at least 1.

    >>> round_half_up(5, 2), round_half_up(1, 9)
    (3, 1)
    """
    return max(1, (2 * numerator + denominator) // (2 * denominator))


def _box(spec: TransformSpec, turned: Size, limits: Limits) -> tuple[int | None, int | None]:
    """The sides asked for. A ratio alone asks for the largest box of it in the picture; both sides outweigh a ratio."""
    if spec.width is None and spec.height is None:
        width, height = _natural(_largest(spec.aspect_ratio or turned, turned), spec.pad, limits)
        if spec.aspect_ratio:
            return width, height
        return (width, None) if width >= height else (None, height)  # one side, lest the other's rounding counts too
    if spec.aspect_ratio is None or (spec.width and spec.height):
        return spec.width, spec.height
    across, down = spec.aspect_ratio
    if spec.width:
        return spec.width, round_half_up(spec.width * down, across)
    return round_half_up((spec.height or 1) * across, down), spec.height


def _largest(ratio: tuple[int, int], room: Size) -> Size:
    """The largest box of a ratio in `room`."""
    across, down = ratio
    if room[0] * down >= room[1] * across:
        return min(room[0], round_half_up(room[1] * across, down)), room[1]
    return room[0], min(room[1], round_half_up(room[0] * down, across))


def _natural(size: Size, pad: int, limits: Limits) -> Size:
    """The picture's own size, which nobody asked for: not refused beyond the limits but made to keep them."""
    longest = max(size)

    def at(length: int) -> Size:
        return round_half_up(size[0] * length, longest), round_half_up(size[1] * length, longest)

    def beyond(length: int) -> bool:
        width, height = at(length)
        return _beyond(width + 2 * pad, height + 2 * pad, limits)

    return at(bisect_left(range(1, longest + 1), True, key=beyond) or 1) if beyond(longest) else size


def _beyond(width: int, height: int, limits: Limits) -> bool:
    return max(width, height) > limits.max_output_side or width * height > limits.max_output_megapixels * 1e6


def _scaled(spec: TransformSpec, turned: Size, box: tuple[int | None, int | None]) -> Size:
    width, height = turned
    if spec.fit == "scale" and box[0] and box[1]:
        return (box[0], box[1]) if spec.enlarge else (min(box[0], width), min(box[1], height))
    ratio = _ratio(spec, turned, box)
    return round_half_up(width * ratio[0], ratio[1]), round_half_up(height * ratio[0], ratio[1])


def _ratio(spec: TransformSpec, turned: Size, box: tuple[int | None, int | None]) -> tuple[int, int]:
    """How much to scale, as a fraction."""
    ratios = [(wanted, side) for wanted, side in zip(box, turned, strict=True) if wanted]
    first, last = ratios[0], ratios[-1]
    smaller, larger = (first, last) if first[0] * last[1] <= last[0] * first[1] else (last, first)
    ratio = larger if spec.fit in ("crop", "outside") else smaller
    return ratio if spec.enlarge or ratio[0] <= ratio[1] else (1, 1)


def _kept_and_canvas(spec: TransformSpec, scaled: Size, box: tuple[int | None, int | None]) -> tuple[Size, Size]:
    """What is kept of the scaled picture, and the canvas it is laid on."""
    if spec.fit not in ("crop", "fill") or not (box[0] and box[1]):
        return scaled, scaled
    if spec.fit == "fill":
        return scaled, (box[0], box[1])
    fits = box[0] <= scaled[0] and box[1] <= scaled[1]
    kept = (box[0], box[1]) if fits else _largest((box[0], box[1]), scaled)
    return kept, kept


def _place(spec: TransformSpec, focal: Point, scaled: Size, kept: Size) -> tuple[int, int]:
    """The top left corner of the crop. Content-aware crops get the centre until the pixels say better."""
    if spec.gravity == "focal":
        return _around(focal[0], scaled[0], kept[0]), _around(focal[1], scaled[1], kept[1])
    return (
        _lay(scaled[0] - kept[0], spec.gravity, "west", "east"),
        _lay(scaled[1] - kept[1], spec.gravity, "north", "south"),
    )


def _around(focal: float, room: int, length: int) -> int:
    """Where a window of `length` starts that has `focal` (0..1 of `room`) in its middle, or as near as it can."""
    return min(max(int(focal * room - length / 2), 0), room - length)


def _lay(spare: int, gravity: str, start: str, end: str) -> int:
    """How much of the spare length lies before the picture."""
    if start in gravity:
        return 0
    return spare if end in gravity else spare // 2


def _turned_focal_point(spec: TransformSpec, start: Rect, width: int, height: int) -> Point:
    """The focal point as seen on the turned start area, 0..1."""
    if spec.focal_x is None or spec.focal_y is None:
        return 0.5, 0.5
    x = min(max((spec.focal_x * width - start.left) / start.width, 0.0), 1.0)
    y = min(max((spec.focal_y * height - start.top) / start.height, 0.0), 1.0)
    x, y = {0: (x, y), 90: (y, 1 - x), 180: (1 - x, 1 - y), 270: (1 - y, x)}[spec.rotate]
    return (1 - x if "h" in spec.flip else x), (1 - y if "v" in spec.flip else y)


def _refuse_too_large(result: Plan, turned: Size, limits: Limits) -> None:
    width, height = result.output_width, result.output_height
    side, megapixels = limits.max_output_side, limits.max_output_megapixels
    if _beyond(width, height, limits):
        raise OutputTooLarge(
            f"The result may have at most {side} px a side and {megapixels:g} megapixels, "
            f"and {width} × {height} px ({width * height / 1e6:.1f} megapixels) was asked for."
        )
    scaled, most = result.scaled_width * result.scaled_height, ENLARGED_AREA * megapixels * 1e6
    if scaled > max(turned[0] * turned[1], most):
        raise OutputTooLarge(
            f"An enlarged picture may have at most {most / 1e6:g} megapixels before its crop, "
            f"and {result.scaled_width} × {result.scaled_height} px ({scaled / 1e6:.1f} megapixels) is needed."
        )
