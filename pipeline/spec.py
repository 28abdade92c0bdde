"""What is asked of a master, as one frozen value with one canonical text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from pipeline.targets import TARGETS, Target

Mode = Literal["clip", "crop", "fill", "scale", "outside"]
Format = Literal["avif", "webp", "jpeg", "png", "gif"]
MaskShape = Literal["", "corners", "ellipse", "circle"]
Corners = tuple[int, int, int, int]
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
class Border:
    """A line along the picture's edge, drawn over it."""

    width: int
    """Pixels."""
    colour: Colour


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformSpec:
    """A transformation, already parsed: nobody checks these values again.

    Pixels are output pixels unless said otherwise. The order of the work is that of a darkroom, and it is the same
    whatever the order in a URL:

        which picture   `page`, `rect` (on the upright master), `trim`
        its shape       turn (`rot`, then `flip`), box (`w`, `h`, `ar`, `fit`, `crop`)
        its tones       `bri`, `con`, `gam`, `sat`, then `monochrome`, then `duotone`
        its detail      `px`, `blur`, `sharp`
        its ground      `bg` behind what is transparent, letterbox bars
        its edge        `border`, `mask`, then `pad` around both
        what lies on it `mark`, then `txt`: nothing changes, covers or cuts those
        its bytes       `fm`, `q`, `min-worst-tile`, `max-delta-e`, `max-bytes`
    """

    page: int | None = None
    """1-based; of an animation that frame, as a still. None: the first, and an animation stays one."""

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
    brightness: int = 0
    """-100..100, as are the next three; 0 leaves the picture as it is."""
    contrast: int = 0
    gamma: int = 0
    saturation: int = 0
    monochrome: Colour | None = None
    """The hue of a picture in shades of one colour; its alpha is the effect's strength."""
    duotone: tuple[Colour, Colour] | None = None
    """What black and what white become; both opaque."""
    duotone_alpha: int = 100
    """0..100, the effect's strength."""
    pixelate: int = 0
    """Side of the squares in pixels; 0 and 1: none."""
    blur: int = 0
    """0..2000; the Gaussian's sigma is a tenth of it, in pixels."""
    sharpen: int = 0
    """0..100."""
    background: Colour | None = None
    border: Border | None = None
    mask: MaskShape = ""
    corner_radius: Corners = (0, 0, 0, 0)
    """Pixels; top left, top right, bottom right, bottom left. For `mask="corners"`."""
    pad: int = 0
    mark: str = ""
    """The master that is laid on the picture: its reference, in a resolved spec its digest. Empty: none."""
    mark_align: str = "southeast"
    """`centre` or a compass point."""
    mark_alpha: int = 100
    """0..100, its opacity."""
    mark_scale: int = 25
    """Its width, in percent of the result's."""
    mark_pad: int = 5
    """Pixels it keeps from the result's edges; between tiles, the gap."""
    mark_tile: bool = False
    text: str = ""
    """Up to 200 printable characters in composed form (NFC), line feeds between lines. Empty: none."""
    text_size: int = 12
    """Pixels."""
    text_colour: Colour = (0, 0, 0, 255)
    text_font: str = "sans"
    """A word of `pipeline.fonts.FONTS`."""
    text_align: str = "southeast"
    text_alpha: int = 100
    text_pad: int = 10
    text_tile: bool = False
    format: Format | None = None
    """None: negotiated from `Accept`."""
    quality: int | Target | None = None
    """1..100 in the encoder's own scale, or what to aim at; None: the format's default."""
    min_worst_tile: float | None = None
    """0..1, the SSIM that the worst tile should have at least, as part of the target; None: what the target says."""
    max_delta_e: float | None = None
    """The same of the 99th percentile of ΔE00, at most."""
    max_bytes: int | None = None
    """What the file should weigh at most; see `pipeline.fitting`."""
    snap: bool = True
    """Whether delivery may round the width up to a rung of the ladder."""
    keep_metadata: bool = False
    """Whether the file carries the source's EXIF and XMP. No URL says this or the next one: `pipeline.export` does."""
    keep_profile: bool = False
    """Whether the pixels stay in the source's profile and the file carries it; else they become sRGB."""

    @property
    def target(self) -> Target | None:
        """What the file must measure; None where its quality is said, or left to the format.

        >>> TransformSpec(quality=TARGETS["good"], min_worst_tile=0.95).target.worst_tile
        0.95
        """
        asked = self.min_worst_tile is not None or self.max_delta_e is not None
        base = TARGETS["good"] if self.quality is None and asked else self.quality
        if not isinstance(base, Target):
            return None
        return replace(
            base,
            worst_tile=base.worst_tile if self.min_worst_tile is None else self.min_worst_tile,
            delta_e_p99=base.delta_e_p99 if self.max_delta_e is None else self.max_delta_e,
        )

    @property
    def has_box(self) -> bool:
        """Whether a box with a shape of its own is asked for, so that the fit matters."""
        return self.aspect_ratio is not None or (self.width is not None and self.height is not None)

    @property
    def has_effects(self) -> bool:
        """Whether pixels are to be changed that keep their place.

        `background` is none of them: it shows only behind transparent pixels.
        """
        return any(getattr(self, name) != getattr(_DEFAULT, name) for name in _EFFECTS)

    @property
    def wants_focal_point(self) -> bool:
        """Whether the master's own focal point would shape the result: a crop, and no point in the URL.

        >>> TransformSpec(width=400, height=300, fit="crop").wants_focal_point
        True
        >>> TransformSpec(width=400).wants_focal_point
        False
        """
        return self.fit == "crop" and self.has_box and self.gravity == "focal" and self.focal_x is None


_EFFECTS = (
    "brightness", "contrast", "gamma", "saturation", "monochrome", "duotone", "pixelate", "blur", "sharpen",
    "border", "mask", "mark", "text",
)  # fmt: skip
_DEFAULT = TransformSpec()
