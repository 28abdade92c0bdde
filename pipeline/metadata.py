"""EXIF, XMP and ICC of a source in the file that is made of it, where they are asked for.

The pixels are upright, so Orientation says 1 in EXIF and in XMP; EXIF's own width and height are the result's. What
shows or may hide another picture goes: EXIF's and XMP's thumbnails, which nobody turned or cut, and the MakerNote,
whose layout is each maker's secret and in which some keep a preview. Sizes are bounded, for a PNG or a WebP may bring
any number of megabytes of what must fit into one segment of a JPEG: what is longer is left out.

libvips writes what an image carries, by a mark that `carry` leaves on it; EXIF it writes anew through libexif, in the
render child, as it read it.
"""

from __future__ import annotations

import io
import re
import struct
from typing import Final

import pyvips
from PIL import ExifTags, Image, UnidentifiedImageError

from pipeline import pillow, vips
from pipeline.colour import kept_profile
from pipeline.header import has_field, open_lazily
from pipeline.source import SourceInfo
from pipeline.spec import Format, TransformSpec

MAX_EXIF_BYTES: Final = 65_527
"""What one segment of a JPEG holds beside its own header (Exif 2.3, 4.7.2)."""
MAX_XMP_BYTES: Final = {"jpeg": 60_000}
"""One segment holds 5,502 bytes more (XMP part 3, 1.1.3), but libvips writes no longer ones."""
MAX_OTHER_XMP_BYTES: Final = 1_000_000

_INTERPRETATIONS: Final = {"rgb": "srgb", "grey": "b-w", "cmyk": "cmyk"}
"""libvips' word for 8-bit samples of a profile's space, whose own colours it does not know."""
_MARK: Final = "imgopt-carries"
_EXIF, XMP, _ICC = 1, 2, 8
"""libvips' `VipsForeignKeep`."""

_EXIF_DATA, _XMP_DATA, _ICC_DATA = "exif-data", "xmp-data", "icc-profile-data"
_OF_THE_SOURCE: Final = ("exif-", "jpeg-thumbnail-data", _XMP_DATA, _ICC_DATA, "orientation")
_NOT_KEPT: Final = ("exif-ifd1-", "jpeg-thumbnail-data", "exif-ifd2-MakerNote")
_COLOUR_SPACE: Final = "exif-ifd2-ColorSpace"
_TIFF_TAGS: Final = (
    ExifTags.Base.ImageDescription, ExifTags.Base.Make, ExifTags.Base.Model, ExifTags.Base.Software,
    ExifTags.Base.DateTime, ExifTags.Base.Artist, ExifTags.Base.Copyright,
)  # fmt: skip
"""Of a TIFF's own directory what tells about the picture; the rest tells how its pixels are stored."""
_XMP_ORIENTATION: Final = re.compile(rb"""(tiff:Orientation\s*(?:=\s*["']|>)\s*)([0-9]{1,9})""")
_XMP_THUMBNAIL: Final = re.compile(rb"""(xmpGImg:image\s*(?:=\s*["']|>))[^<"']*""")


def carry(image: vips.Image, data: bytes, info: SourceInfo, spec: TransformSpec, output_format: Format) -> vips.Image:
    """This will mark a finished picture with what its file is to carry of the source in `data`."""
    if info.format in pillow.FORMATS or not (spec.keep_metadata or spec.keep_profile):
        return image
    source = open_lazily(data, info.format)
    image = image.copy()
    for field in image.get_fields():
        if field.startswith(_OF_THE_SOURCE):
            image.remove(field)
    flags = _take_profile(image, source, info) if spec.keep_profile else 0
    if spec.keep_metadata:
        converted = not (info.is_srgb or flags & _ICC)
        flags |= _take_exif(image, _exif_of(source, data, info), converted=converted)
        flags |= _take_xmp(image, source, MAX_XMP_BYTES.get(output_format, MAX_OTHER_XMP_BYTES))
    image.set_type(pyvips.GValue.gint_type, _MARK, flags)
    return image


def carried(image: vips.Image) -> int:
    """This will give libvips' flags of what the file is to carry; 0: nothing."""
    return int(image.get(_MARK)) if has_field(image, _MARK) else 0


def carried_xmp(image: vips.Image) -> bytes:
    """This will give the packet that the file is to carry, empty for none."""
    return bytes(image.get(_XMP_DATA)) if carried(image) & XMP else b""


def carries_grey_profile(image: vips.Image) -> bool:
    return bool(carried(image) & _ICC) and image.bands < 3


def says_upright(data: bytes, info: SourceInfo) -> bool:
    """This will tell whether no metadata of a source would have a viewer turn it."""
    if info.orientation != 1:
        return False
    source = open_lazily(data, info.format)
    xmp = bytes(source.get(_XMP_DATA)) if has_field(source, _XMP_DATA) else b""
    return all(int(value) == 1 for _, value in _XMP_ORIENTATION.findall(xmp))


def cleaned_xmp(xmp: bytes) -> bytes:
    """This will have a packet say that the picture is upright, and take its thumbnails out.

    >>> cleaned_xmp(b'<rdf:Description tiff:Orientation="6"><xmpGImg:image>/9j/4AAQ</xmpGImg:image>')
    b'<rdf:Description tiff:Orientation="1"><xmpGImg:image></xmpGImg:image>'
    """
    return _XMP_THUMBNAIL.sub(rb"\1", _XMP_ORIENTATION.sub(rb"\g<1>1", xmp))


def _take_exif(image: vips.Image, exif: bytes, *, converted: bool) -> int:
    if not 0 < len(exif) <= MAX_EXIF_BYTES:
        return 0
    image.set_type(pyvips.GValue.blob_type, _EXIF_DATA, exif)  # which spreads it over a field for each tag
    for field in image.get_fields():
        if field.startswith(_NOT_KEPT):
            image.remove(field)  # and with the field goes the tag, when the file is written
    if converted and has_field(image, _COLOUR_SPACE):
        image.set_type(pyvips.GValue.gstr_type, _COLOUR_SPACE, "1")  # sRGB
    image.set_type(pyvips.GValue.gint_type, "orientation", 1)
    return _EXIF


def _take_xmp(image: vips.Image, source: vips.Image, longest: int) -> int:
    xmp = cleaned_xmp(bytes(source.get(_XMP_DATA))) if has_field(source, _XMP_DATA) else b""
    if not 0 < len(xmp) <= longest:
        return 0
    image.set_type(pyvips.GValue.blob_type, _XMP_DATA, xmp)
    return XMP


def _take_profile(image: vips.Image, source: vips.Image, info: SourceInfo) -> int:
    profile = kept_profile(source, info)
    if profile is None or image.interpretation != _INTERPRETATIONS.get(profile.space):
        return 0
    image.set_type(pyvips.GValue.blob_type, _ICC_DATA, profile.data)
    return _ICC


def _exif_of(source: vips.Image, data: bytes, info: SourceInfo) -> bytes:
    if info.format == "tiff":
        return _exif_of_tiff(data)
    return bytes(source.get(_EXIF_DATA)) if has_field(source, _EXIF_DATA) else b""


def _exif_of_tiff(data: bytes) -> bytes:
    """A TIFF has its EXIF in its own directory, where libvips does not look."""
    try:
        with Image.open(io.BytesIO(data), formats=["TIFF"]) as picture:
            found = picture.getexif()
            kept = Image.Exif()
            for tag in _TIFF_TAGS:
                if tag in found:
                    kept[tag] = found[tag]
            for directory in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
                entries = kept.get_ifd(directory)
                entries.update({t: v for t, v in found.get_ifd(directory).items() if t != ExifTags.Base.MakerNote})
            if not (kept or any(kept.get_ifd(directory) for directory in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo))):
                return b""
            return kept.tobytes()
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, TypeError, KeyError, struct.error):
        return b""  # not worth failing a picture for
