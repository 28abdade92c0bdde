"""What is asked of a master, as one frozen value with one canonical text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mode = Literal["clip", "crop", "fill", "scale", "outside"]
Format = Literal["avif", "webp", "jpeg", "png", "gif"]
Colour = tuple[int, int, int, int]
"""Red, green, blue, alpha, each 0..255, gamma-coded sRGB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rect:
    """A box of whole pixels, measured from the top left corner."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformSpec:
    """A transformation, already parsed: nobody checks these values again.

    Pixels are output pixels unless said otherwise. The order of the work is: `rect` (on the upright master),
    `trim`, turn (`rot`, then `flip`), box (`w`, `h`, `ar`, `fit`, `crop`), `blur`, `sharp`, `pad`, `bg`, encode.
    """

    width: int | None = None
    height: int | None = None
    fit: Mode = "clip"
    enlarge: bool = False
    gravity: str = "focal"
    """`focal`, `centre`, a compass point (`north`, `northeast`, …), `attention` or `entropy`.

    `focal` is what a crop keeps when nothing is said: the point in the URL, else the master's own, else the centre.
    """
    focal_x: float | None = None
    focal_y: float | None = None
    """0..1 from the left and the top of the upright master, at most 4 decimals. Both or none."""
    aspect_ratio: tuple[int, int] | None = None
    """Width to height in lowest terms."""
    dpr: float = 1.0
    rect: Rect | None = None
    """The part of the upright master to start from, in the master's pixels."""
    rotate: int = 0
    """0, 90, 180 or 270 degrees, counter-clockwise as in imgix."""
    flip: Literal["", "h", "v", "hv"] = ""
    trim: int = 0
    """0: no trim. Else the tolerance 1..255 within which a border counts as background."""
    pad: int = 0
    background: Colour | None = None
    blur: int = 0
    """0..2000; the Gaussian's sigma is a tenth of it, in pixels."""
    sharpen: int = 0
    """0..100."""
    format: Format | None = None
    """None: negotiated from `Accept`."""
    quality: int | None = None
    """1..100 in the encoder's own scale; None: the format's default."""
    snap: bool = True
    """Whether delivery may round the width up to a rung of the ladder."""

    @property
    def has_box(self) -> bool:
        """Whether a box with a shape of its own is asked for, so that the fit matters."""
        return self.aspect_ratio is not None or (self.width is not None and self.height is not None)

    @property
    def wants_focal_point(self) -> bool:
        """Whether the master's own focal point would shape the result: a crop, and no point in the URL.

        >>> TransformSpec(width=400, height=300, fit="crop").wants_focal_point
        True
        >>> TransformSpec(width=400).wants_focal_point
        False
        """
        return self.fit == "crop" and self.has_box and self.gravity == "focal" and self.focal_x is None
