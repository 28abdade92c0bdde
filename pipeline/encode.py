"""From 8-bit pixels to bytes: one row of options a format.

Chroma subsampling is pinned: libvips' own choice jumps to 4:4:4 at quality 90, and the file grows by 41 % for one
step. Nothing of the source's metadata is written, no EXIF, GPS, XMP, thumbnail or profile, unless `metadata.carry` has
marked the picture.

The options for full effort were chosen by bytes at equal SSIM over eight photographs at 800 px: beside each stands what
it saves and what it costs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import oxipng

from pipeline import metadata, vips
from pipeline.cost import taken_effort
from pipeline.palette import exact_palette_png
from pipeline.passthrough.png import with_metadata_of, with_xmp
from pipeline.request import Chroma, Effort
from pipeline.spec import Format
from pipeline.steps import over

_WHITE = (255, 255, 255, 255)


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """How one format is written."""

    operation: str
    quality: int | None = None
    """Default quality in the encoder's own scale; None where it has no such scale."""
    floor: int | None = None
    """The lowest quality that `max-bytes` may come down to; None: pixels are never given up, only their number."""
    alpha: bool = True
    animation: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    full: Mapping[str, Any] = field(default_factory=dict)
    """What full effort sets otherwise."""
    subsampled: bool = False
    """Whether colours are kept at half the width and height of light, unless 4:4:4 is asked for."""
    whole_chroma: Mapping[str, Any] = field(default_factory=dict)
    """What 4:4:4 sets otherwise; empty: the format has none, or nothing else."""
    steps: Sequence[int] = range(1, 101)
    """The qualities at which files change: between two of them they are the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a file is written besides its quality."""

    effort: Effort = "quick"
    chroma: Chroma = "4:2:0"
    """As far as the format has that choice."""


USUAL: Final = Manner()
OPTIMISED_LEVEL: Final = 3
"""Of oxipng, for full effort: at 800 px a tenth of a palette's bytes and 2 to 7 % of a photograph's (a screenshot's:
30 %) in 1.9 s a megapixel. Level 2 takes 0.5 s and saves 4 points less of a palette; level 4 nothing more."""


# fmt: off
_AVIF_STEPS: Final = (
    1, 3, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34, 35, 37, 39, 40, 42, 44, 45, 47, 49, 50, 52, 54,
    55, 56, 58, 59, 60, 62, 63, 64, 66, 67, 68, 70, 71, 72, 74, 75, 76, 78, 79, 80, 82, 83, 84, 86, 87, 88, 90, 91,
    92, 94, 95, 96, 98, 99, 100,
)
"""aom has 64 quantisers."""
# fmt: on

# The floors of AVIF, WebP and JPEG have one SSIM, 0.92 over four photos at 800 px; their defaults have 0.96. PNG's is a
# palette's, at 0.97: what it loses is seen as bands.
ENCODERS: Final[Mapping[Format, Encoder]] = {
    "avif": Encoder(
        operation="heifsave_buffer",
        floor=44,
        quality=60,  # the SSIM of WebP 75 (0.959 over eight photos at 800 px) in 5 % fewer bytes
        options={"compression": "av1", "effort": 0, "subsample_mode": "on", "bitdepth": 8},
        full={"effort": 3},  # 17 % fewer bytes at 0.97 in 0.7 s a megapixel; 2: 12 % in 0.4; 4: 22 % in 3.2
        subsampled=True,
        whole_chroma={"subsample_mode": "off"},
        steps=_AVIF_STEPS,
    ),
    "webp": Encoder(
        operation="webpsave_buffer",
        quality=75,
        floor=40,
        animation=True,
        options={"effort": 4},
        full={"effort": 6},  # 1 % fewer at 0.97, 3 % at 0.99, in 0.25 s a megapixel instead of 0.12; 5: nothing
        # WebP has no 4:4:4. Its `smart_subsample` saves colour at the cost of light: letters in red on blue then have
        # an SSIM of 0.967 at quality 100 and tulips of 0.987, so that no quality meets what they are asked for.
        subsampled=True,
    ),
    "jpeg": Encoder(
        operation="jpegsave_buffer",
        quality=80,
        floor=35,
        alpha=False,
        options={"interlace": True, "optimize_coding": True, "subsample_mode": "on"},
        # 4 % fewer at 0.97, 8 % at 0.99, in 0.09 s a megapixel instead of 0.02. ImageMagick's quantisation (table 3)
        # saves 3 points more at 0.99, and loses 4 at 0.97 and below.
        full={"trellis_quant": True, "optimize_scans": True, "overshoot_deringing": True},
        subsampled=True,
        whole_chroma={"subsample_mode": "off"},
    ),
    # On a photo of 800 px the adaptive filter takes 20 ms more than none and saves a third.
    "png": Encoder(operation="pngsave_buffer", floor=60, options={"compression": 6, "filter": "all"}),
    # Effort 7, libvips' own choice, takes 3.2 s for that photo, and saves 9 % over the 0.5 s of effort 3.
    "gif": Encoder(operation="gifsave_buffer", animation=True, options={"effort": 3}),
}


def encode(image: vips.Image, output_format: Format, quality: int | None, manner: Manner = USUAL) -> bytes:
    """This will write the picture; quality None means the format's default.

    A PNG is always lossless unless a quality below 100 is asked for; then its palette may be quantised.
    """
    if output_format == "png":
        return encode_png(image, quality, manner)[0]
    encoder = ENCODERS[output_format]
    image = storable(image, output_format)
    options = {} if encoder.quality is None else {"Q": quality or encoder.quality}
    return _write(image, encoder, **_chosen(output_format, image, manner), **options)


def encode_png(image: vips.Image, quality: int | None, manner: Manner = USUAL) -> tuple[bytes, bool]:
    """This will write a PNG and say whether it is lossless, as it may be whatever quality was asked for."""
    lossless, is_final = lossless_png(image)
    body = optimised(lossless, image, manner)
    if is_final or quality is None or quality == 100:
        return body, True
    palette = optimised(palette_png(image, quality), image, manner)
    return (palette, False) if len(palette) < len(body) else (body, True)


def chroma_of(output_format: Format, manner: Manner) -> Chroma | None:
    """This will tell how finely a file written so keeps its colours; None where that is always as finely as light.

    >>> fine = Manner(chroma="4:4:4")
    >>> chroma_of("jpeg", fine), chroma_of("webp", fine), chroma_of("png", fine), chroma_of("avif", USUAL)
    ('4:4:4', '4:2:0', None, '4:2:0')
    """
    encoder = ENCODERS[output_format]
    if not encoder.subsampled:
        return None
    return manner.chroma if encoder.whole_chroma else "4:2:0"


def lossless_png(image: vips.Image) -> tuple[bytes, bool]:
    """This will write every pixel as it is, and say whether that is final: no palette could or may be smaller."""
    body = _write(image, ENCODERS["png"])
    if metadata.carries_grey_profile(image):
        return body, True  # a palette's colours are RGB, for which that profile says nothing
    exact = exact_palette_png(image)
    if exact is None:
        return body, False
    return min(body, with_metadata_of(body, exact) if metadata.carried(image) else exact, key=len), True


def palette_png(image: vips.Image, quality: int) -> bytes:
    """This will write at most 256 colours; a lower quality takes fewer."""
    return _write(image, ENCODERS["png"], palette=True, Q=quality, dither=1.0, filter="none")


def optimised(body: bytes, image: vips.Image, manner: Manner) -> bytes:
    """This will write the same pixels of a PNG in fewer bytes, where full effort is asked for."""
    if not _takes_time("png", image, manner):
        return body
    # A profile speaks of the colour type it was made for.
    may_change = not metadata.carried(image)
    return bytes(
        oxipng.optimize_from_memory(
            body, level=OPTIMISED_LEVEL, color_type_reduction=may_change, grayscale_reduction=may_change
        )
    )


def storable(image: vips.Image, output_format: Format) -> vips.Image:
    """This will lay a picture on white where the format has no alpha."""
    return image if ENCODERS[output_format].alpha or not image.hasalpha() else over(image, _WHITE)


def _write(image: vips.Image, encoder: Encoder, **options: Any) -> bytes:
    options = {**encoder.options, **options}
    if encoder.operation != "pngsave_buffer":
        return bytes(vips.call(encoder.operation, image, keep=metadata.carried(image), **options))
    # libvips writes XMP as text that is no UTF-8 by the standard (zTXt), and readers look for iTXt only.
    body = bytes(vips.call(encoder.operation, image, keep=metadata.carried(image) & ~metadata.XMP, **options))
    return with_xmp(body, metadata.carried_xmp(image))


def _chosen(output_format: Format, image: vips.Image, manner: Manner) -> Mapping[str, Any]:
    encoder = ENCODERS[output_format]
    full = encoder.full if _takes_time(output_format, image, manner) else {}
    return {**full, **(encoder.whole_chroma if manner.chroma == "4:4:4" else {})}


def _takes_time(output_format: Format, image: vips.Image, manner: Manner) -> bool:
    return taken_effort(output_format, manner.effort, image.width * image.height / 1e6) == "full"
