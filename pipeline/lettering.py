"""Text as coverage: how much of each pixel its letters cover."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from typing import Final

import pyvips
from PIL import Image, ImageDraw, ImageFont

from pipeline import fonts, vips
from pipeline.errors import BadParameter
from pipeline.geometry import Size
from pipeline.spec import TransformSpec

_ABSENT: Final = "\U0010fffd"
"""Private use: no typeface here has it, so it shows the box that stands for every character a typeface lacks."""
_CHECKED_SIZE: Final = 24
_LINE_GAP: Final = 0.25
"""Between lines, in parts of the size."""
_MEASURE: Final = ImageDraw.Draw(Image.new("L", (1, 1)))


def lettering(spec: TransformSpec, room: Size) -> vips.Image:
    """This will draw the spec's text in one band, cropped to its letters.

    Lines that are wider than the room are broken at spaces; what does not fit then is made smaller. All is measured
    before it is drawn, so however long or large it was asked for, no more pixels are made than `room` has. Raises
    BadParameter for a character that the typeface lacks.
    """
    _refuse_absent(spec.text, spec.text_font)
    block = _largest(spec, room)
    left, top, right, bottom = block.box
    width, height = min(max(1, right - left), room[0]), min(max(1, bottom - top), room[1])
    picture = Image.new("L", (width, height))
    ImageDraw.Draw(picture).multiline_text(
        (-left, -top), block.text, 255, block.font, spacing=block.spacing, align=block.align
    )
    return pyvips.Image.new_from_memory(picture.tobytes(), width, height, 1, "uchar")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """Text as it is set at one size."""

    text: str
    font: ImageFont.FreeTypeFont
    align: str
    spacing: float
    box: tuple[int, int, int, int]
    """Left, top, right and bottom of its letters."""

    def fits(self, room: Size) -> bool:
        left, top, right, bottom = self.box
        return right - left <= room[0] and bottom - top <= room[1]


def _largest(spec: TransformSpec, room: Size) -> _Block:
    """The text at the size asked for, or at the largest below it that fits."""
    asked = _set(spec, spec.text_size, room[0])
    if asked.fits(room):
        return asked
    sizes = range(1, spec.text_size)
    first_too_large = bisect_left(sizes, True, key=lambda size: not _set(spec, size, room[0]).fits(room))
    return _set(spec, max(1, first_too_large), room[0])


def _set(spec: TransformSpec, size: int, width: int) -> _Block:
    font, spacing = fonts.load(spec.text_font, size), size * _LINE_GAP
    text = "\n".join(line for paragraph in spec.text.split("\n") for line in _broken(paragraph, font, width))
    align = "left" if "west" in spec.text_align else "right" if "east" in spec.text_align else "center"
    left, top, right, bottom = _MEASURE.multiline_textbbox((0, 0), text, font, spacing=spacing, align=align)
    box = (math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom))
    return _Block(text=text, font=font, align=align, spacing=spacing, box=box)


def _broken(paragraph: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """The paragraph in lines of at most `width` pixels, as far as spaces allow it."""
    lines: list[str] = []
    space, used = font.getlength(" "), 0.0
    for word in paragraph.split(" "):
        length = font.getlength(word)
        if lines and used + space + length <= width:
            lines[-1], used = f"{lines[-1]} {word}", used + space + length
        else:
            lines.append(word)
            used = length
    return lines


def _refuse_absent(text: str, font_name: str) -> None:
    font = fonts.load(font_name, _CHECKED_SIZE)
    absent = _glyph(font, _ABSENT)
    for character in dict.fromkeys(text.replace("\n", "")):
        if _glyph(font, character) == absent:
            raise BadParameter(
                f"Expected characters that {font.getname()[0]} has for txt, "
                f"received '{character}' (U+{ord(character):04X})."
            )


def _glyph(font: ImageFont.FreeTypeFont, character: str) -> tuple[Size, bytes]:
    mask = font.getmask(character)
    return mask.size, bytes(mask)
