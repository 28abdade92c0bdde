"""Parameters that say which part of a master, how it is turned, and what size it gets."""

from __future__ import annotations

from typing import Final

from pipeline import values
from pipeline.parameters.row import Parameter
from pipeline.values import FITS, GRAVITIES, decimal, whole, word, write_decimal, write_switch

SHAPE: Final[tuple[Parameter, ...]] = (
    Parameter(
        name="page",
        aliases=("frame",),
        field="page",
        read=whole(1, 100_000),
        accepts="a whole number from 1",
        default="the first",
        meaning="Which page of a TIFF, or which frame of an animation, which then is a still.",
        example="2",
    ),
    Parameter(
        name="w",
        aliases=("width",),
        field="width",
        read=whole(1, values.MAX_SIDE),
        accepts=f"a whole number from 1 to {values.MAX_SIDE}",
        default="the picture's",
        meaning="Width of the box in px, times `dpr`. Delivery rounds it up to a rung of the ladder.",
        example="800",
    ),
    Parameter(
        name="h",
        aliases=("height",),
        field="height",
        read=whole(1, values.MAX_SIDE),
        accepts=f"a whole number from 1 to {values.MAX_SIDE}",
        default="the picture's",
        meaning="Height of the box in px, times `dpr`. With only one of `w` and `h` the other follows the picture.",
        example="600",
    ),
    Parameter(
        name="ar",
        field="aspect_ratio",
        read=values.read_ratio,
        write=values.write_ratio,
        accepts="a ratio such as 16:9, 1.91:1 or 1.5 from 1:100 to 100:1",
        default="the picture's",
        meaning=(
            "Width to height of the box. With one of `w` and `h` it gives the other; alone it asks for the largest box "
            "of that ratio in the picture; with both it says nothing."
        ),
        example="16:9",
    ),
    Parameter(
        name="fit",
        field="fit",
        read=word(FITS),
        accepts=f"one of {', '.join(FITS)}",
        default="clip",
        meaning="How the picture fills the box: see the table of fits.",
        example="crop",
    ),
    Parameter(
        name="crop",
        aliases=("gravity",),
        field="gravity",
        read=word(GRAVITIES),
        accepts="centre, a compass point (north, ne, top,left …), attention, entropy or focalpoint",
        default="focalpoint",
        meaning=(
            "What a crop keeps, as seen in the result. `attention` and `entropy` look at the content. `focalpoint` is "
            "`fp-x` and `fp-y`, else the master's own focal point, else the centre. With a letterboxing fit a compass "
            "point says where the picture lies."
        ),
        example="top,left",
    ),
    Parameter(
        name="fp-x",
        field="focal_x",
        read=decimal(0, 1, 4),
        write=write_decimal,
        accepts="a decimal from 0 to 1 with at most 4 decimals",
        default="the master's",
        meaning=(
            "Focal point from the left of the upright master. Implies `crop=focalpoint`; without its partner `fp-y` "
            "that one is 0.5."
        ),
        example="0.25",
    ),
    Parameter(
        name="fp-y",
        field="focal_y",
        read=decimal(0, 1, 4),
        write=write_decimal,
        accepts="a decimal from 0 to 1 with at most 4 decimals",
        default="the master's",
        meaning="Focal point from the top of the upright master, as `fp-x`.",
        example="0.4",
    ),
    Parameter(
        name="dpr",
        field="dpr",
        read=decimal(0.5, 4, 2),
        write=write_decimal,
        accepts="a decimal from 0.5 to 4 with at most 2 decimals",
        default="1",
        meaning="Pixels of the device per CSS pixel: multiplies `w`, `h` and every length in px.",
        example="2",
    ),
    Parameter(
        name="enlarge",
        field="enlarge",
        read=word(values.SWITCH),
        write=write_switch,
        accepts="0 or 1",
        default="0",
        meaning="Whether the picture may be scaled up. The fits `max`, `min` and `fillmax` never do.",
        example="1",
    ),
    Parameter(
        name="snap",
        field="snap",
        read=word(values.SWITCH),
        write=write_switch,
        accepts="0 or 1",
        default="1",
        meaning="Whether delivery rounds the width up to a rung of the ladder; `0` asks for the exact size.",
        example="0",
    ),
    Parameter(
        name="rect",
        field="rect",
        read=values.read_rect,
        write=values.write_rect,
        accepts="left,top,width,height in whole pixels",
        default="all of it",
        meaning="The part of the upright master to start from, in the master's pixels; clamped to the picture.",
        example="10,20,300,200",
    ),
    Parameter(
        name="trim",
        field="trim",
        read=values.read_trim,
        accepts="auto or a whole number from 1 to 255",
        default="no trim",
        meaning=f"Cuts off a border of one colour within this tolerance; `auto` is {values.TRIM_AUTO}.",
        example="auto",
    ),
    Parameter(
        name="rot",
        field="rotate",
        read=word(values.TURNS),
        accepts="0, 90, 180 or 270",
        default="0",
        meaning="Degrees to turn the upright picture, counter-clockwise as in imgix, before the box.",
        example="90",
    ),
    Parameter(
        name="flip",
        field="flip",
        read=word(values.FLIPS),
        accepts="h, v or hv",
        default="no flip",
        meaning="Mirrors left and right (`h`), top and bottom (`v`) or both, after `rot`.",
        example="h",
    ),
)
