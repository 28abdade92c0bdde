"""Every transformation parameter a URL may carry, as a table.

`params` reads and writes by it, and a test holds docs/parameters.md to it. A new option is a new row, and at its
default it changes no canonical text and so no key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline import values
from pipeline.colours import read_colour, write_colour
from pipeline.values import FITS, FORMATS, GRAVITIES, decimal, whole, word, write_decimal, write_switch


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One row of the table."""

    name: str
    aliases: tuple[str, ...] = ()
    accepts: str
    """What it expects, as words that go between `Expected` and `for`."""
    default: str
    meaning: str
    example: str
    read: Callable[[str], object]
    write: Callable[[Any], str] = str
    field: str = ""
    """Of TransformSpec; empty when the parameter asks for what happens anyway."""


PARAMETERS: tuple[Parameter, ...] = (
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
        meaning="Pixels of the device per CSS pixel: multiplies `w`, `h` and `pad`.",
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
    Parameter(
        name="blur",
        field="blur",
        read=whole(0, 2000),
        accepts="a whole number from 0 to 2000",
        default="0",
        meaning="Gaussian blur of the result; its sigma is a tenth of this, in px.",
        example="50",
    ),
    Parameter(
        name="sharp",
        field="sharpen",
        read=whole(0, 100),
        accepts="a whole number from 0 to 100",
        default="0",
        meaning="Sharpening of the result.",
        example="20",
    ),
    Parameter(
        name="pad",
        field="pad",
        read=whole(0, values.MAX_PAD),
        accepts=f"a whole number from 0 to {values.MAX_PAD}",
        default="0",
        meaning="Margin on every side in px, outside the box, times `dpr`.",
        example="10",
    ),
    Parameter(
        name="bg",
        aliases=("background",),
        field="background",
        read=read_colour,
        write=write_colour,
        accepts="a colour as RGB, ARGB, RRGGBB or AARRGGBB in hex digits (alpha first) or a CSS name",
        default="transparent, or white where the format has no alpha",
        meaning="Behind transparent pixels, in letterbox bars and margins.",
        example="80ff0000",
    ),
    Parameter(
        name="fm",
        aliases=("format",),
        field="format",
        read=word(FORMATS),
        accepts=f"one of {', '.join(FORMATS)}",
        default="auto",
        meaning="Format of the result; `auto` is negotiated from `Accept`. `jpg`, `jpeg` and `pjpg` are the same.",
        example="webp",
    ),
    Parameter(
        name="q",
        aliases=("quality",),
        field="quality",
        read=whole(1, 100),
        accepts="a whole number from 1 to 100",
        default="the format's",
        meaning="Quality on the encoder's own scale.",
        example="75",
    ),
    Parameter(
        name="auto",
        read=values.read_auto,
        accepts="format, compress or both with a comma",
        default="format,compress",
        meaning="imgix's words for what happens anyway; `fm` and `q` outweigh them.",
        example="format,compress",
    ),
)

BY_NAME: Mapping[str, Parameter] = {name: row for row in PARAMETERS for name in (row.name, *row.aliases)}
