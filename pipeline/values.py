"""One parameter's value: how its text is read, and how it is written again.

A reader is a function from text to a value that raises ValueError or LookupError for what it cannot read; the
sentence is made in `params`, which knows the name. Only ASCII digits are digits here, a number has one text (no `05`,
`+5`, `1e3`), and the text's length has been checked before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import TypeVar

from pipeline.spec import Format, Mode, Rect

T = TypeVar("T")
N = TypeVar("N", int, float, Fraction)

MAX_SIDE = 8192
"""The longest side that may be asked for, in pixels, also after `dpr`."""
MAX_PAD = 1000
MAX_RECT = 999_999
TRIM_AUTO = 10
"""The tolerance of `trim=auto`: JPEG noise on a plain border stays below it."""

WHOLE = re.compile(r"0|[1-9][0-9]*")
SIGNED = re.compile(r"0|-?[1-9][0-9]*")
DECIMAL = re.compile(r"(?:0|[1-9][0-9]*)(?:\.([0-9]+))?|\.([0-9]+)")

FITS: dict[str, tuple[Mode, bool]] = {
    "clip": ("clip", True),
    "inside": ("clip", True),
    "max": ("clip", False),
    "crop": ("crop", True),
    "cover": ("crop", True),
    "min": ("crop", False),
    "fill": ("fill", True),
    "contain": ("fill", True),
    "fillmax": ("fill", False),
    "scale": ("scale", True),
    "outside": ("outside", True),
}
"""Word → mode, and whether `enlarge=1` is heard. imgix's meaning wins: CSS's own `fill` is our `scale`."""

_POINTS: dict[str, tuple[str, ...]] = {
    "centre": ("center",),
    "north": ("n", "top"),
    "northeast": ("ne", "top,right", "right,top"),
    "east": ("e", "right"),
    "southeast": ("se", "bottom,right", "right,bottom"),
    "south": ("s", "bottom"),
    "southwest": ("sw", "bottom,left", "left,bottom"),
    "west": ("w", "left"),
    "northwest": ("nw", "top,left", "left,top"),
    "attention": (),
    "entropy": (),
    "focal": ("focalpoint",),
}
GRAVITIES: dict[str, str] = {word: point for point, words in _POINTS.items() for word in (point, *words)}
COMPASS = {word: point for word, point in GRAVITIES.items() if point not in ("attention", "entropy", "focal")}
"""The gravities that are places."""

FORMATS: dict[str, Format | None] = {
    "avif": "avif",
    "webp": "webp",
    "jpg": "jpeg",
    "jpeg": "jpeg",
    "pjpg": "jpeg",
    "png": "png",
    "gif": "gif",
    "auto": None,
}
FLIPS: dict[str, str] = {"h": "h", "v": "v", "hv": "hv"}
TURNS: dict[str, int] = {"0": 0, "90": 90, "180": 180, "270": 270}
SWITCH: dict[str, bool] = {"0": False, "1": True}
AUTO_WORDS = frozenset({"format", "compress"})

MIN_RATIO, MAX_RATIO = Fraction(1, 100), Fraction(100)
MAX_RATIO_TERM = 999_999


def word(table: Mapping[str, T]) -> Callable[[str], T]:
    return table.__getitem__


def whole(low: int, high: int) -> Callable[[str], int]:
    """This will give a reader of whole numbers.

    >>> whole(1, 100)("80")
    80
    """

    def read(text: str) -> int:
        if not WHOLE.fullmatch(text):
            raise ValueError(text)
        return _within(int(text), low, high)

    return read


def signed(low: int, high: int) -> Callable[[str], int]:
    """This will give a reader of whole numbers that may have a minus sign.

    >>> signed(-100, 100)("-80")
    -80
    """

    def read(text: str) -> int:
        if not SIGNED.fullmatch(text):
            raise ValueError(text)
        return _within(int(text), low, high)

    return read


def decimal(low: float, high: float, places: int) -> Callable[[str], float]:
    """This will give a reader of decimals: digits, and at most `places` more after a point.

    >>> decimal(0, 1, 4)("0.25"), decimal(0, 1, 4)(".5")
    (0.25, 0.5)
    """

    def read(text: str) -> float:
        return _within(float(_decimal(text, places)), low, high)

    return read


def read_ratio(text: str) -> tuple[int, int]:
    """This will read `16:9`, `1.91:1` or `1.5` into lowest terms.

    >>> read_ratio("16:9"), read_ratio("1.5"), read_ratio("400:300")
    ((16, 9), (3, 2), (4, 3))
    """
    across, colon, down = text.partition(":")
    below = _decimal(down, 4) if colon else Fraction(1)
    if not below:
        raise ValueError(text)
    ratio = _within(_decimal(across, 4) / below, MIN_RATIO, MAX_RATIO)
    if max(ratio.numerator, ratio.denominator) > MAX_RATIO_TERM:
        raise ValueError(text)
    return ratio.numerator, ratio.denominator


def read_rect(text: str) -> Rect:
    """This will read `left,top,width,height` in pixels.

    >>> read_rect("10,20,300,200")
    Rect(left=10, top=20, width=300, height=200)
    """
    left, top, width, height = text.split(",")
    place, length = whole(0, MAX_RECT), whole(1, MAX_RECT)
    return Rect(left=place(left), top=place(top), width=length(width), height=length(height))


def read_trim(text: str) -> int:
    return TRIM_AUTO if text == "auto" else whole(1, 255)(text)


def read_auto(text: str) -> None:
    """This will accept the words that ask for what happens anyway."""
    if not AUTO_WORDS.issuperset(text.split(",")):
        raise ValueError(text)


def write_decimal(value: float) -> str:
    """This will write at most four decimals and no trailing zero.

    >>> write_decimal(2.0), write_decimal(0.125)
    ('2', '0.125')
    """
    return f"{value:.4f}".rstrip("0").rstrip(".")


def write_ratio(ratio: tuple[int, int]) -> str:
    return f"{ratio[0]}:{ratio[1]}"


def write_rect(rect: Rect) -> str:
    return f"{rect.left},{rect.top},{rect.width},{rect.height}"


def write_switch(value: bool) -> str:
    return "1" if value else "0"


def _decimal(text: str, places: int) -> Fraction:
    match = DECIMAL.fullmatch(text)
    if match is None or len(match[1] or match[2] or "") > places:
        raise ValueError(text)
    return Fraction(text)


def _within(value: N, low: N, high: N) -> N:
    if not low <= value <= high:
        raise ValueError(value)
    return value
