"""A picture to keep rather than to show: what the job API and the command line ask for.

Sizes are exact, without the ladder, and the format is named or the source's own. What is decided here hangs on the
source's header alone; libvips is not loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pipeline.errors import BadParameter
from pipeline.limits import Limits
from pipeline.params import shown
from pipeline.request import RenderRequest
from pipeline.source import ColourSpace, SourceInfo
from pipeline.spec import Format, TransformSpec
from pipeline.targets import Target

FORMATS: Final[tuple[Format, ...]] = ("jpeg", "png", "webp", "avif")

_ALIASES: Final = {"jpg": "jpeg"}
_PROFILES: Final[Mapping[Format, frozenset[ColourSpace]]] = {
    "jpeg": frozenset({"rgb", "grey", "cmyk"}),
    "png": frozenset({"rgb", "grey"}),
    # A grey picture is three bands in these, for which a grey profile would be of the wrong space.
    "webp": frozenset({"rgb"}),
    "avif": frozenset({"rgb"}),
}
"""Of which colour spaces a format can carry a profile."""


def export_request(
    info: SourceInfo,
    *,
    format: str | None = None,
    max_dimension: int = 0,
    quality: int | Target | None = None,
    keep_metadata: bool = False,
    limits: Limits,
) -> RenderRequest:
    """This will ask for a copy of a source: upright, in a format of `FORMATS`, no side longer than `max_dimension`.

    - `format` None keeps the source's; of those that nobody writes, a still becomes PNG and an animation WebP.
    - `max_dimension` bounds the longer side of the upright picture and rounds the other; it never enlarges, and 0
      keeps the size. What is larger than `limits` allow a result to be is made smaller to keep them.
    - `quality` is 1..100 in the encoder's own scale, or what to aim at; None the format's default.
    - `keep_metadata` keeps EXIF, XMP and the ICC profile with the pixels left in it; see `pipeline.metadata`. False
      drops them all, after the orientation and the profile were applied.

    >>> wide = SourceInfo(format="tiff", width=4000, height=3000)
    >>> request = export_request(wide, max_dimension=1000, limits=Limits())
    >>> request.format, request.spec.width, request.spec.height
    ('png', 1000, None)

    Raises BadParameter for a format, a dimension or a quality that no picture could make right.
    """
    kind = output_format(info, format)
    if max_dimension < 0:
        raise BadParameter(f"Expected 0 or more pixels for the longest side, received {max_dimension}.")
    if isinstance(quality, int) and not 1 <= quality <= 100:
        raise BadParameter(f"Expected a whole number from 1 to 100 for quality, received {quality}.")
    width, height = _box(info, max_dimension, limits)
    spec = TransformSpec(
        width=width,
        height=height,
        format=kind,
        quality=quality,
        keep_metadata=keep_metadata,
        keep_profile=keep_metadata and can_keep_profile(info, kind),
    )
    return RenderRequest(
        spec=spec,
        format=kind,
        source_formats=frozenset({kind}) & {info.format},
        own_colours=not keep_metadata,
        limits=limits,
    )


def output_format(info: SourceInfo, wanted: str | None) -> Format:
    """This will give the format of the copy.

    >>> output_format(SourceInfo(format="gif", width=9, height=9, pages=3), None)
    'webp'
    >>> output_format(SourceInfo(format="gif", width=9, height=9), None)
    'png'
    """
    if wanted is not None:
        return read_format(wanted)
    if info.format in FORMATS:
        return info.format
    return "webp" if info.is_animated else "png"


def read_format(word: str) -> Format:
    """This will give the format that a word means, whatever its case, or raise BadParameter.

    >>> read_format("JPG")
    'jpeg'
    """
    lower = word.lower() if len(word) <= 16 else ""
    kind = _ALIASES.get(lower, lower)
    if kind not in FORMATS:
        raise BadParameter(f"Expected one of {', '.join(FORMATS)} for format, received {shown(word)}.")
    return kind


def can_keep_profile(info: SourceInfo, kind: Format) -> bool:
    """This will tell whether the pixels can stay in the source's profile in that format.

    CMYK can in JPEG alone, and only beside a profile: without one its numbers are no colours yet. Floating point and
    Lab never can; what cannot becomes sRGB.
    """
    if info.colour_space == "cmyk" and (info.bit_depth != 8 or info.has_alpha or not info.profile):
        return False
    return info.bit_depth in (8, 16) and info.colour_space in _PROFILES.get(kind, ())


def _box(info: SourceInfo, max_dimension: int, limits: Limits) -> tuple[int | None, int | None]:
    """The longer side where it shrinks; nothing where it would not, nor where `limits` bind more than it does."""
    longer, shorter = max(info.width, info.height), min(info.width, info.height)
    megapixels = max_dimension * max_dimension * shorter / longer / 1e6
    if not 0 < max_dimension < longer:
        return None, None
    if max_dimension > limits.max_output_side or megapixels > limits.max_output_megapixels:
        return None, None
    return (max_dimension, None) if info.width >= info.height else (None, max_dimension)
