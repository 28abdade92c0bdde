"""Parameters that change how a picture looks, without moving it."""

from __future__ import annotations

from typing import Final, get_args

from pipeline.colours import read_colour, write_colour
from pipeline.parameters.row import Parameter
from pipeline.spec import Border, Colour, Corners, MaskShape
from pipeline.values import MAX_PAD, MAX_SIDE, signed, whole, word

MAX_PIXELATE: Final = 100
MAX_BORDER: Final = MAX_PAD
MAX_RADIUS: Final = MAX_SIDE

_COLOUR: Final = "a colour as RGB, ARGB, RRGGBB or AARRGGBB in hex digits (alpha first) or a CSS name"
_PERCENT_BOTH_WAYS: Final = "a whole number from -100 to 100"
_MASKS: Final[dict[str, MaskShape]] = {shape: shape for shape in get_args(MaskShape) if shape}


def read_duotone(text: str) -> tuple[Colour, Colour]:
    """This will read two opaque colours.

    >>> read_duotone("000080,fc0")
    ((0, 0, 128, 255), (255, 204, 0, 255))
    """
    dark, light = (read_colour(colour) for colour in text.split(","))
    if (dark[3], light[3]) != (255, 255):
        raise ValueError(text)
    return dark, light


def write_duotone(colours: tuple[Colour, Colour]) -> str:
    return ",".join(write_colour(colour) for colour in colours)


def read_corners(text: str) -> Corners:
    """This will read one radius for all corners or one for each, from the top left clockwise.

    >>> read_corners("8"), read_corners("8,8,0,0")
    ((8, 8, 8, 8), (8, 8, 0, 0))
    """
    radii = [whole(0, MAX_RADIUS)(part) for part in text.split(",")]
    top_left, top_right, bottom_right, bottom_left = radii * 4 if len(radii) == 1 else radii
    return top_left, top_right, bottom_right, bottom_left


def write_corners(radii: Corners) -> str:
    return str(radii[0]) if len(set(radii)) == 1 else ",".join(map(str, radii))


def read_border(text: str) -> Border | None:
    """This will read `width,colour`; a width of 0 is no border.

    >>> read_border("3,red")
    Border(width=3, colour=(255, 0, 0, 255))
    """
    width, colour = text.split(",")
    border = Border(width=whole(0, MAX_BORDER)(width), colour=read_colour(colour))
    return border if border.width else None


def write_border(border: Border) -> str:
    return f"{border.width},{write_colour(border.colour)}"


LOOK: Final[tuple[Parameter, ...]] = (
    Parameter(
        name="bri",
        aliases=("brightness",),
        field="brightness",
        read=signed(-100, 100),
        accepts=_PERCENT_BOTH_WAYS,
        default="0",
        meaning="Brightness: from black at -100 to white at 100.",
        example="20",
    ),
    Parameter(
        name="con",
        aliases=("contrast",),
        field="contrast",
        read=signed(-100, 100),
        accepts=_PERCENT_BOTH_WAYS,
        default="0",
        meaning="Contrast: from flat grey at -100 to twice the contrast at 100.",
        example="-30",
    ),
    Parameter(
        name="gam",
        aliases=("gamma",),
        field="gamma",
        read=signed(-100, 100),
        accepts=_PERCENT_BOTH_WAYS,
        default="0",
        meaning="Gamma: lifts the middle tones (above 0) or lowers them; black and white stay.",
        example="25",
    ),
    Parameter(
        name="sat",
        aliases=("saturation",),
        field="saturation",
        read=signed(-100, 100),
        accepts=_PERCENT_BOTH_WAYS,
        default="0",
        meaning="Saturation: from grey at -100 to twice the colour at 100.",
        example="-100",
    ),
    Parameter(
        name="monochrome",
        field="monochrome",
        read=read_colour,
        write=write_colour,
        accepts=_COLOUR,
        default="all colours",
        meaning="Shades of one colour: each pixel keeps its luma. The colour's alpha is the strength.",
        example="ff704214",
    ),
    Parameter(
        name="duotone",
        field="duotone",
        read=read_duotone,
        write=write_duotone,
        accepts="two opaque colours with a comma, each in hex digits or a CSS name,",
        default="all colours",
        meaning="Black becomes the first colour, white the second, what lies between a mixture of both.",
        example="000080,fa8072",
    ),
    Parameter(
        name="duotone-alpha",
        field="duotone_alpha",
        read=whole(0, 100),
        accepts="a whole number from 0 to 100",
        default="100",
        meaning="Strength of `duotone` in percent.",
        example="60",
    ),
    Parameter(
        name="px",
        field="pixelate",
        read=whole(0, MAX_PIXELATE),
        accepts=f"a whole number from 0 to {MAX_PIXELATE}",
        default="0",
        meaning="Squares of one colour, their side in px, times `dpr`; 0 and 1 are none.",
        example="20",
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
        name="bg",
        aliases=("background",),
        field="background",
        read=read_colour,
        write=write_colour,
        accepts=_COLOUR,
        default="transparent, or white where the format has no alpha",
        meaning="Behind transparent pixels, in letterbox bars and margins, and outside a mask.",
        example="80ff0000",
    ),
    Parameter(
        name="border",
        field="border",
        read=read_border,
        write=write_border,
        accepts=f"a width from 0 to {MAX_BORDER} and a colour with a comma",
        default="none",
        meaning="A line over the picture's edge, its width in px, times `dpr`; it follows the mask.",
        example="4,fff",
    ),
    Parameter(
        name="mask",
        field="mask",
        read=word(_MASKS),
        accepts=f"one of {', '.join(_MASKS)}",
        default="none",
        meaning="What is kept: rounded `corners`, the `ellipse` or the largest `circle` in the picture.",
        example="circle",
    ),
    Parameter(
        name="corner-radius",
        field="corner_radius",
        read=read_corners,
        write=write_corners,
        accepts=f"1 or 4 whole numbers from 0 to {MAX_RADIUS} with commas",
        default="0",
        meaning="For `mask=corners`, in px, times `dpr`: all corners, or each from the top left clockwise.",
        example="24",
    ),
    Parameter(
        name="pad",
        field="pad",
        read=whole(0, MAX_PAD),
        accepts=f"a whole number from 0 to {MAX_PAD}",
        default="0",
        meaning="Margin on every side in px, outside the box, times `dpr`.",
        example="10",
    ),
)
