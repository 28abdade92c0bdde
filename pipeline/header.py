"""A source's header: what it is and whether it may be decoded at all, before a pixel is touched.

libvips opens a picture by reading its header and decodes on demand, so everything here is cheap whatever the
pixels would cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import pyvips

from pipeline import icc, pillow, vips
from pipeline.errors import BadParameter, DamagedImage, ImageTooLarge, UnsupportedFormat
from pipeline.limits import Limits
from pipeline.passthrough.webp import count_frames
from pipeline.signalled import overrides_icc, signalled_profile
from pipeline.sniff import SNIFF_BYTES, sniff
from pipeline.source import ColourSpace, SourceInfo

LOADERS: Final = {
    "jpeg": "jpegload_buffer",
    "png": "pngload_buffer",
    "webp": "webpload_buffer",
    "avif": "heifload_buffer",
    "gif": "gifload_buffer",
    "tiff": "tiffload_buffer",
}
"""The operation that opens each format; no operation ever guesses."""

_PROFILE: Final = "icc-profile-data"
_SPACES: Final[dict[str, ColourSpace]] = {
    "srgb": "rgb",
    "rgb": "rgb",
    "rgb16": "rgb",
    "scrgb": "rgb",
    "b-w": "grey",
    "grey16": "grey",
    "cmyk": "cmyk",
    "lab": "lab",
    "labs": "lab",
    "labq": "lab",
}
_COLOUR_BANDS: Final = {"rgb": 3, "grey": 1, "cmyk": 4, "lab": 3}
_BIT_DEPTHS: Final = {"uchar": 8, "char": 8, "ushort": 16, "short": 16}


def read_header(data: bytes, limits: Limits) -> SourceInfo:
    """This will say what the bytes are, raising if they are no accepted picture or too large for their format."""
    source_format = sniff(data[:SNIFF_BYTES])
    if source_format in pillow.FORMATS:
        info = pillow.read_header(data, source_format)
    else:
        if source_format == "webp":
            check_pages(count_frames(data, limits.max_pages), source_format, limits)
        info = _describe(open_lazily(data, source_format), source_format)
    check_limits(info, limits)
    return info


def read_page(data: bytes, info: SourceInfo, page: int | None, limits: Limits) -> SourceInfo:
    """This will say what one page (from 1) is, as a still; None stands for the file as it is.

    Pages of a TIFF may be of any size. Raises BadParameter for a page that the file does not have.
    """
    if page is None:
        return info
    if page > info.pages:
        raise BadParameter(f"Expected a page that the picture has, 1 to {info.pages}, for page, received '{page}'.")
    chosen = info if page == 1 else _describe(open_lazily(data, info.format, page=page - 1), info.format)
    chosen = replace(chosen, pages=1)
    check_total_pixels([(chosen.width, chosen.height)], chosen, limits)
    return chosen


def check_limits(info: SourceInfo, limits: Limits) -> None:
    """This will raise `ImageTooLarge` where a source has more pixels or pages than its format may have."""
    check_pages(info.pages, info.format, limits)
    check_total_pixels([(info.width, info.height)] * info.pages, info, limits)


def check_pages(pages: int, source_format: str, limits: Limits) -> None:
    if pages > limits.max_pages:
        raise ImageTooLarge(
            f"Expected at most {limits.max_pages} pages or frames for a {source_format} file, received more."
        )


def check_total_pixels(sizes: Sequence[tuple[int, int]], info: SourceInfo, limits: Limits) -> None:
    """This will raise `ImageTooLarge` where pages of these sizes have more pixels than the format may have."""
    megapixels = sum(width * height for width, height in sizes) / 1e6
    allowed = limits.max_megapixels[info.format]
    if megapixels > allowed:
        frames = f" in {info.pages} frames" if info.pages > 1 else ""
        raise ImageTooLarge(
            f"Expected at most {allowed:g} megapixels for a {info.format} file, "
            f"received {info.width}x{info.height}{frames} ({megapixels:.1f} megapixels)."
        )


def open_lazily(data: bytes, source_format: str, **options: Any) -> vips.Image:
    """This will open the bytes with their format's own loader; pixels are decoded later, strictly and in order."""
    try:
        image = vips.call(LOADERS[source_format], data, access="sequential", fail_on="error", **options)
    except pyvips.Error as error:
        raise damaged(source_format, error) from error
    return _with_signalled_profile(image, data, source_format)


def _with_signalled_profile(image: vips.Image, data: bytes, source_format: str) -> vips.Image:
    """This will embed the profile that an AVIF or PNG states in another way, so that nobody below needs to know."""
    if has_field(image, _PROFILE) and not overrides_icc(data, source_format):
        return image
    profile = signalled_profile(data, source_format)
    if profile is None:
        return image
    image = image.copy()
    image.set_type(pyvips.GValue.blob_type, _PROFILE, profile)
    return image


def damaged(source_format: str, error: Exception) -> DamagedImage:
    """This will wrap what a decoder says in one sentence, without its line breaks and at a bounded length."""
    detail = icc.safe_text(" ".join(str(getattr(error, "detail", error)).split()))
    because = f": {detail.rstrip('.')}" if detail else ""  # libpng often says nothing
    return DamagedImage(f"Expected a whole {source_format} file, received one that does not decode{because}.")


def _describe(image: vips.Image, source_format: str) -> SourceInfo:
    colour_space = _SPACES.get(image.interpretation)
    if colour_space is None or image.bands not in (_COLOUR_BANDS[colour_space], _COLOUR_BANDS[colour_space] + 1):
        raise UnsupportedFormat(
            f"Expected grey, RGB, CMYK or Lab samples for a {source_format} file, "
            f"received {image.bands} bands of {image.interpretation}."
        )
    orientation = orientation_of(image)
    width, height = image.width, image.get("page-height") if has_field(image, "page-height") else image.height
    if orientation >= 5:
        width, height = height, width
    profile = profile_of(image)
    return SourceInfo(
        format=source_format,
        width=width,
        height=height,
        orientation=orientation,
        pages=int(image.get("n-pages")) if has_field(image, "n-pages") else 1,
        has_alpha=bool(image.hasalpha()),
        bit_depth=_BIT_DEPTHS.get(image.format, 32),
        colour_space=colour_space,
        profile=icc.description(profile) if profile else "",
        is_srgb=colour_space in ("rgb", "grey")
        and (profile is None or profile.space != colour_space or icc.is_srgb(profile)),
        interlaced=has_field(image, "interlaced")
        or (has_field(image, "jpeg-multiscan") and image.get("jpeg-multiscan") == 1),
    )


def orientation_of(image: vips.Image) -> int:
    """This will return the EXIF orientation, 1 for none and for values that EXIF does not define."""
    value = image.get("orientation") if has_field(image, "orientation") else 1
    return value if 1 <= value <= 8 else 1


def profile_of(image: vips.Image) -> icc.Profile | None:
    """This will return the embedded ICC profile where it can be read."""
    return icc.parse(bytes(image.get(_PROFILE))) if has_field(image, _PROFILE) else None


def has_field(image: vips.Image, field: str) -> bool:
    return bool(image.get_typeof(field) != 0)
