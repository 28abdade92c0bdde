"""What is known of a master from its bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

ColourSpace = Literal["rgb", "grey", "cmyk", "lab"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholder:
    """What a page shows until the picture is there; of an animation, its first frame."""

    data_uri: str
    """A WebP of at most 32 px, upright and in sRGB."""
    blurhash: str
    palette: tuple[str, ...]
    """One to six colours as #rrggbb, the one with the largest share first."""

    @property
    def dominant_colour(self) -> str:
        return self.palette[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceInfo:
    """A source's header, in plain values: picklable, and safe to show (`profile` holds no control characters)."""

    format: str
    """`jpeg`, `png`, `webp`, `avif`, `gif`, `tiff`, `bmp` or `ico`."""
    width: int
    height: int
    """Of one frame, upright: after `orientation`."""
    orientation: int = 1
    """EXIF orientation 1..8 that makes the stored picture upright; anything else in the file counts as 1."""
    pages: int = 1
    has_alpha: bool = False
    bit_depth: int = 8
    """Of the decoded samples: 8, 16 or 32."""
    colour_space: ColourSpace = "rgb"
    profile: str = ""
    """Description of the embedded ICC profile; empty if there is none."""
    is_srgb: bool = True
    """Whether the samples mean sRGB (or grey coded as sRGB is) as they stand, by the profile's numbers."""
    interlaced: bool = False
    """Progressive JPEG or interlaced PNG: needs the whole picture in memory to decode."""
    placeholder: Placeholder | None = field(default=None, compare=False)
    """Only where the pixels have been looked at: `pipeline.inspect` makes it, a header alone cannot."""

    @property
    def stored_size(self) -> tuple[int, int]:
        """Width and height as stored, before the orientation."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)

    @property
    def is_animated(self) -> bool:
        """Whether its pages are frames in time (a TIFF's pages are not)."""
        return self.pages > 1 and self.format in ("gif", "webp")
