"""Parameters that lay something on a picture: another master, or text."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from pipeline.colours import read_colour, write_colour
from pipeline.fonts import FONTS
from pipeline.parameters.row import Parameter
from pipeline.values import COMPASS, MAX_PAD, whole, word, write_switch

MAX_TEXT_LENGTH: Final = 200
MAX_TEXT_SIZE: Final = 1000

_REFERENCE: Final = re.compile(r"[A-Za-z0-9@._~/-]{1,256}", re.ASCII)
_TILES: Final = {"0": False, "1": True, "grid": True}
_PLACE: Final = "centre or a compass point (north, ne, top,left …)"


def read_reference(text: str) -> str:
    """This will accept what a master's reference may consist of; whether there is such a master is not asked here."""
    if not _REFERENCE.fullmatch(text):
        raise ValueError(text)
    return text


def read_text(text: str) -> str:
    """This will give the text in composed form, so that one look has one key.

    >>> read_text("Cafe\\u0301") == "Caf\\u00e9"
    True
    """
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n"))
    if not text.strip() or len(text) > MAX_TEXT_LENGTH or not text.replace("\n", "").isprintable():
        raise ValueError(text)
    return text


OVERLAY: Final[tuple[Parameter, ...]] = (
    Parameter(
        name="mark",
        field="mark",
        read=read_reference,
        accepts="the id or key of a master",
        default="none",
        meaning="A master that is laid on the result, as it is: a watermark or a logo.",
        example="logos/shop",
        longest=256,
    ),
    Parameter(
        name="mark-align",
        field="mark_align",
        read=word(COMPASS),
        accepts=_PLACE,
        default="bottom,right",
        meaning="Where on the result `mark` lies.",
        example="top,left",
    ),
    Parameter(
        name="mark-alpha",
        field="mark_alpha",
        read=whole(0, 100),
        accepts="a whole number from 0 to 100",
        default="100",
        meaning="Opacity of `mark` in percent.",
        example="50",
    ),
    Parameter(
        name="mark-scale",
        field="mark_scale",
        read=whole(1, 100),
        accepts="a whole number from 1 to 100",
        default="25",
        meaning="Width of `mark` in percent of the result's, at most what its padding leaves.",
        example="40",
    ),
    Parameter(
        name="mark-pad",
        field="mark_pad",
        read=whole(0, MAX_PAD),
        accepts=f"a whole number from 0 to {MAX_PAD}",
        default="5",
        meaning="Distance of `mark` from the edges, and between tiles, in px, times `dpr`.",
        example="20",
    ),
    Parameter(
        name="mark-tile",
        field="mark_tile",
        read=word(_TILES),
        write=write_switch,
        accepts="0, 1 or grid",
        default="0",
        meaning="Whether `mark` is repeated over the whole result; `grid` is imgix's word for `1`.",
        example="1",
    ),
    Parameter(
        name="txt",
        field="text",
        read=read_text,
        accepts=f"1 to {MAX_TEXT_LENGTH} printable characters or line feeds",
        default="none",
        meaning="Text that is laid on the result, made smaller where it would not fit.",
        example="© Jane Doe",
        longest=MAX_TEXT_LENGTH,
    ),
    Parameter(
        name="txt-size",
        field="text_size",
        read=whole(1, MAX_TEXT_SIZE),
        accepts=f"a whole number from 1 to {MAX_TEXT_SIZE}",
        default="12",
        meaning="Size of `txt` in px, times `dpr`.",
        example="32",
    ),
    Parameter(
        name="txt-color",
        aliases=("txt-colour",),
        field="text_colour",
        read=read_colour,
        write=write_colour,
        accepts="a colour as RGB, ARGB, RRGGBB or AARRGGBB in hex digits (alpha first) or a CSS name",
        default="000",
        meaning="Colour of `txt`.",
        example="fff",
    ),
    Parameter(
        name="txt-font",
        field="text_font",
        read=word(FONTS),
        accepts=f"one of {'; '.join(FONTS)}",
        default="sans",
        meaning="Typeface of `txt`: Noto Sans or, for `mono`, Fira Mono.",
        example="bold",
    ),
    Parameter(
        name="txt-align",
        field="text_align",
        read=word(COMPASS),
        accepts=_PLACE,
        default="bottom,right",
        meaning="Where on the result `txt` lies, and to which side its lines are flush.",
        example="bottom,left",
    ),
    Parameter(
        name="txt-alpha",
        field="text_alpha",
        read=whole(0, 100),
        accepts="a whole number from 0 to 100",
        default="100",
        meaning="Opacity of `txt` in percent; a translucent colour is weakened further.",
        example="70",
    ),
    Parameter(
        name="txt-pad",
        field="text_pad",
        read=whole(0, MAX_PAD),
        accepts=f"a whole number from 0 to {MAX_PAD}",
        default="10",
        meaning="Distance of `txt` from the edges, and between tiles, in px, times `dpr`.",
        example="24",
    ),
    Parameter(
        name="txt-tile",
        field="text_tile",
        read=word(_TILES),
        write=write_switch,
        accepts="0, 1 or grid",
        default="0",
        meaning="Whether `txt` is repeated over the whole result.",
        example="1",
    ),
)
