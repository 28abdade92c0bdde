"""What of a URL's parameters shapes the result's size, read as the service reads it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from imgopt_client.errors import BadArgument

MAX_SIDE = 8192
MAX_PAD = 1000
FITS = {
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
"""Word → mode, and whether `enlarge=1` is heard."""
WHOLE = re.compile(r"0|[1-9][0-9]{0,8}")
DECIMAL = re.compile(r"(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{1,4})?|\.[0-9]{1,4}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    width: int | None = None
    height: int | None = None
    ratio: tuple[int, int] | None = None
    fit: str = "clip"
    enlarge: bool = False
    rect: tuple[int, int, int, int] | None = None
    turns: bool = False
    """Whether width and height change places."""
    pad: int = 0
    dpr_percent: int = 100
    snaps: bool = True
    trims: bool = False
    """Whether a border is cut off, of which only the pixels know how wide it is."""

    @property
    def is_known(self) -> bool:
        """Whether numbers alone tell the result's size; a letterbox has the size that was asked for."""
        has_box = self.ratio is not None or (self.width is not None and self.height is not None)
        return not self.trims or (self.fit == "fill" and has_box)


@lru_cache(maxsize=4096)
def shape_of(params: tuple[tuple[str, str], ...]) -> Shape:
    """This will read plain names (see `parameters.plain`); what does not shape the size is passed over."""
    said = dict(params)
    fit, may_enlarge = _fit(said.get("fit", "clip"))
    return Shape(
        width=_whole(said, "w", 1, MAX_SIDE),
        height=_whole(said, "h", 1, MAX_SIDE),
        ratio=_ratio(said["ar"]) if "ar" in said else None,
        fit=fit,
        enlarge=may_enlarge and said.get("enlarge") == "1",
        rect=_rect(said["rect"]) if "rect" in said else None,
        turns=said.get("rot") in ("90", "270"),
        pad=_whole(said, "pad", 0, MAX_PAD) or 0,
        dpr_percent=_percent(said.get("dpr", "1")),
        snaps=said.get("snap") != "0",
        trims="trim" in said,
    )


def _fit(text: str) -> tuple[str, bool]:
    if text not in FITS:
        raise BadArgument(f"Expected one of {', '.join(FITS)} for fit, received {text[:40]!r}.")
    return FITS[text]


def _whole(said: dict[str, str], name: str, low: int, high: int) -> int | None:
    text = said.get(name)
    if text is None:
        return None
    if not (WHOLE.fullmatch(text) and low <= int(text) <= high):
        raise BadArgument(f"Expected a whole number from {low} to {high} for {name}, received {text[:40]!r}.")
    return int(text)


def _percent(text: str) -> int:
    if DECIMAL.fullmatch(text) and Fraction(1, 2) <= Fraction(text) <= 4 and (100 * Fraction(text)).denominator == 1:
        return int(100 * Fraction(text))
    raise BadArgument(f"Expected a decimal from 0.5 to 4 for dpr, received {text[:40]!r}.")


def _ratio(text: str) -> tuple[int, int]:
    across, colon, down = text.partition(":")
    if DECIMAL.fullmatch(across) and (not colon or (DECIMAL.fullmatch(down) and Fraction(down))):
        ratio = Fraction(across) / Fraction(down or 1)
        if Fraction(1, 100) <= ratio <= 100:
            return ratio.numerator, ratio.denominator
    raise BadArgument(f"Expected a ratio such as 16:9 from 1:100 to 100:1 for ar, received {text[:40]!r}.")


def _rect(text: str) -> tuple[int, int, int, int]:
    numbers = text.split(",")
    if len(numbers) == 4 and all(WHOLE.fullmatch(number) for number in numbers):
        left, top, width, height = map(int, numbers)
        if width and height:
            return left, top, width, height
    raise BadArgument(f"Expected left,top,width,height in whole pixels for rect, received {text[:40]!r}.")
