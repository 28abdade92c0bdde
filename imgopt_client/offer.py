"""Which sizes of a picture a page offers, and how wide each really is when it is delivered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from imgopt_client.errors import BadArgument, Mismatch
from imgopt_client.geometry import Bounds, Size, delivered, layout, round_half_up
from imgopt_client.ladder import default_widths, snap
from imgopt_client.parameters import plain
from imgopt_client.shape import MAX_SIDE, Shape, shape_of

DENSITIES = (1, 2, 3)
MAX_WIDTHS = 40
LARGEST_DEFAULT = 1280
"""What is loaded where `srcset` is not understood: crawlers, feeds, mail."""


@dataclass(frozen=True, slots=True)
class Step:
    """One size: the value of `w` or `dpr` that asks for it, its descriptor, and the pixels that come."""

    value: str
    descriptor: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Offer:
    """The sizes of one picture, the smallest first."""

    name: str
    """`w` for a picture that follows the layout, `dpr` for one of a fixed size."""
    steps: tuple[Step, ...]
    size: Size | None
    """For the attributes width and height; `None` where only the pixels could tell (`trim`)."""

    @property
    def values(self) -> list[str]:
        return [step.value for step in self.steps]

    @property
    def is_fluid(self) -> bool:
        return self.name == "w"

    @property
    def default(self) -> int:
        """Index of the step for `src`."""
        if not self.is_fluid:
            return 0
        return max((at for at, step in enumerate(self.steps) if step.width <= LARGEST_DEFAULT), default=0)


def read_widths(widths: str | Sequence[int | str] | None) -> tuple[int, ...] | None:
    """This will read `320,640` or numbers.

    >>> read_widths("640, 320"), read_widths([320, 640, 640]), read_widths(None)
    ((320, 640), (320, 640), None)
    """
    if widths is None:
        return None
    numbers = set()
    for width in widths.split(",") if isinstance(widths, str) else widths:
        text = str(width).strip()
        if not (text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= MAX_SIDE):
            raise BadArgument(f"Expected whole numbers from 1 to {MAX_SIDE} for widths, received {text[:40]!r}.")
        numbers.add(int(text))
    if not 1 <= len(numbers) <= MAX_WIDTHS:
        raise BadArgument(f"Expected 1 to {MAX_WIDTHS} widths, received {len(numbers)}.")
    return tuple(sorted(numbers))


def offer_of(
    size: Size,
    said: Mapping[str, str],
    wanted: Mapping[str, str],
    *,
    widths: tuple[int, ...] | None,
    has_sizes: bool,
    bounds: Bounds,
) -> Offer:
    """This will choose the sizes for a picture of `size`.

    `said` are the author's own parameters, `wanted` the same with the preset's among them. A width or height makes
    the picture one of a fixed size, unless widths or sizes are given.
    """
    if "dpr" in said:
        raise BadArgument("Expected no dpr: the browser chooses among the candidates of srcset.")
    follows = widths is not None or has_sizes
    own = plain(said)
    if follows and ("h" in wanted or "w" in own):
        refusal = BadArgument if own.keys() & {"w", "h"} else Mismatch  # or it is the preset that says h
        raise refusal(
            "Expected either w and h for a fixed size, or widths and sizes (with ar for another shape), received both."
        )
    is_fluid = follows or not ("w" in wanted or "h" in wanted)
    key = tuple(sorted((name, value) for name, value in wanted.items() if not (is_fluid and name == "w")))
    return _offer(size, shape_of(key), widths or default_widths(bounds.ladder), bounds, is_fluid=is_fluid)


@lru_cache(maxsize=4096)
def _offer(size: Size, shape: Shape, widths: tuple[int, ...], bounds: Bounds, *, is_fluid: bool) -> Offer:
    steps = _fluid(size, shape, widths, bounds) if is_fluid else _fixed(size, shape, bounds)
    if not steps:
        raise Mismatch("Expected a size within the service's limits, received only larger ones.")
    last = steps[-1]
    natural = (last.width, last.height) if is_fluid else layout(size, shape)
    return Offer("w" if is_fluid else "dpr", tuple(steps), natural if shape.is_known else None)


def _fluid(size: Size, shape: Shape, widths: Sequence[int], bounds: Bounds) -> list[Step]:
    """Rung by rung until the picture has no more pixels; its own width is the last candidate.

    A letterbox stops before: with a picture that is not enlarged, a wider one would look different. So does a picture
    that may be enlarged.
    """
    steps: list[Step] = []
    for width in sorted({snap(width, bounds.ladder) if shape.snaps else width for width in widths}):
        asked, found = width, delivered(size, replace(shape, width=width), bounds)
        ends = shape.fit == "fill" or shape.enlarge
        if found is None or (found.is_limited and ends and steps):
            break
        if found.is_limited and not ends:
            # The lowest rung that gives all there is, so that pages with other widths share the variant.
            asked = snap(found.width - 2 * shape.pad, bounds.ladder) if shape.snaps else found.width - 2 * shape.pad
            found = delivered(size, replace(shape, width=asked), bounds) or found
        if not steps or found.width > steps[-1].width:
            steps.append(Step(str(asked), f"{found.width}w", found.width, found.height))
    return steps


def _fixed(size: Size, shape: Shape, bounds: Bounds) -> list[Step]:
    """One, two and three pixels for each of CSS; where the picture has fewer, the last one is what it has."""
    across = layout(size, shape)[0]
    steps: list[Step] = []
    for density in DENSITIES:
        found = delivered(size, replace(shape, dpr_percent=100 * density), bounds)
        if found is None or (steps and found.width <= steps[-1].width):
            break
        hundredths = round_half_up(100 * found.width, across)
        ratio = min(hundredths / 100, density) if found.is_limited and steps else density
        if steps and ratio <= float(steps[-1].descriptor[:-1]):
            break
        steps.append(Step(str(density), f"{ratio:g}x", found.width, found.height))
        if found.is_limited:
            break
    return steps
