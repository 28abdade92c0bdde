"""What a copy keeps of EXIF, XMP and ICC where it is to keep them, and what never."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from pipeline import icc, profiles
from pipeline.colour import MAX_PROFILE_BYTES
from pipeline.export import FORMATS
from pipeline.metadata import MAX_EXIF_BYTES, MAX_OTHER_XMP_BYTES, MAX_XMP_BYTES, cleaned_xmp
from tests import images
from tests.pipeline.asking import exported
from tests.pipeline.test_colour import delta_e

_P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.3127, 0.3290))
_XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="%d">KEPTXMP</rdf:Description></x:xmpmeta>'
)
_needs_photos = pytest.mark.skipif(not images.SHARED.is_dir(), reason="needs the real photographs in ../shared/images")


def _exif(orientation: int = 1) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Orientation] = "KEPTCAMERA", orientation
    exif[ExifTags.Base.ImageDescription] = "A (fine) day, 2 (two) rains"
    details = exif.get_ifd(ExifTags.IFD.Exif)
    details[ExifTags.Base.DateTimeOriginal] = "2024:05:06 07:08:09"
    details[ExifTags.Base.ExifImageWidth], details[ExifTags.Base.ExifImageHeight] = 9999, 9999
    details[ExifTags.Base.MakerNote] = b"SECRETPREVIEW" * 20
    place = exif.get_ifd(ExifTags.IFD.GPSInfo)
    place[ExifTags.GPS.GPSLatitudeRef], place[ExifTags.GPS.GPSLatitude] = "N", (52.0, 31.0, 12.0)
    return exif


def _source(source_format: str = "jpeg", orientation: int = 1, **options: Any) -> bytes:
    """This will make a picture with everything, stored as a camera held that way stores it."""
    image = images.scene(96, 64)
    for operation in images.INVERSE_TURN[orientation]:
        image = getattr(image, operation)()
    out = io.BytesIO()
    options = {"exif": _exif(orientation), "xmp": _XMP % orientation, "icc_profile": _p3(), **options}
    if source_format == "png":
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", options.pop("xmp").decode())
        options["pnginfo"] = info
    finest = {"lossless": True} if source_format == "webp" else {"quality": 95}
    Image.fromarray(image.numpy()).save(out, source_format.upper(), **{**finest, **options})
    return out.getvalue()


def _p3() -> bytes:
    return profiles.build("Display P3", _P3, profiles.srgb)


def _xmp_of(picture: Image.Image) -> bytes:
    """This will give the packet under whatever name Pillow has for it."""
    xmp = picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp") or b""
    return xmp.encode() if isinstance(xmp, str) else bytes(xmp)


def _in_srgb(body: bytes) -> images.Pixels:
    """This will show a file as a viewer does that follows its profile."""
    picture = images.opened(body)
    if "icc_profile" not in picture.info:
        return images.pixels_of(body)
    if picture.mode not in ("L", "CMYK"):
        picture = picture.convert("RGB")
    managed = ImageCms.profileToProfile(
        picture,
        io.BytesIO(picture.info["icc_profile"]),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    assert managed is not None
    return np.asarray(managed)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("source_format", ["jpeg", "png", "webp", "avif"])
def test_exif_xmp_and_profile_are_kept(source_format, kind):
    picture = images.opened(exported(_source(source_format), format=kind, max_dimension=48, keep_metadata=True).body)
    exif = picture.getexif()
    assert exif[ExifTags.Base.Make] == "KEPTCAMERA"
    assert exif[ExifTags.Base.ImageDescription] == "A (fine) day, 2 (two) rains"
    assert exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] == "2024:05:06 07:08:09"
    assert exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] == (52.0, 31.0, 12.0)
    assert b"KEPTXMP" in _xmp_of(picture)
    assert picture.info["icc_profile"] == _p3()


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("source_format", ["jpeg", "png", "webp", "avif"])
def test_nothing_is_kept_unless_it_is_asked_for(source_format, kind):
    result = exported(_source(source_format), format=kind)
    picture = images.opened(result.body)
    assert not picture.getexif()
    assert not _xmp_of(picture)
    assert "icc_profile" not in picture.info
    assert b"KEPT" not in result.body


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("orientation", [1, 3, 6, 7])
@pytest.mark.parametrize("most", [0, 48])
def test_the_pixels_are_upright_and_the_file_says_so(orientation, kind, most):
    result = exported(_source("jpeg", orientation), format=kind, max_dimension=most, keep_metadata=True)
    picture = images.opened(result.body)
    assert picture.size == ((48, 32) if most else (96, 64))
    assert picture.getexif()[ExifTags.Base.Orientation] == 1
    assert b'tiff:Orientation="1"' in _xmp_of(picture)
    upright = exported(_source("jpeg", 1), format=kind, max_dimension=most, keep_metadata=True)
    assert images.difference(images.pixels_of(result.body), images.pixels_of(upright.body)) < 6


def test_the_size_that_exif_says_is_the_results():
    exif = images.opened(exported(_source(), max_dimension=48, keep_metadata=True).body).getexif()
    details = exif.get_ifd(ExifTags.IFD.Exif)
    assert (details[ExifTags.Base.ExifImageWidth], details[ExifTags.Base.ExifImageHeight]) == (48, 32)


@pytest.mark.parametrize("kind", FORMATS)
def test_pixels_stay_in_the_profile_that_is_kept(kind):
    data = _source("png")
    quality = None if kind == "png" else 95
    kept, managed = (exported(data, format=kind, quality=quality, keep_metadata=keep) for keep in (True, False))
    assert delta_e(_in_srgb(kept.body), images.pixels_of(managed.body)) < (0.3 if kind == "png" else 1.5)
    assert delta_e(images.pixels_of(kept.body), images.pixels_of(managed.body)) > 2, "its numbers are P3's"
    assert images.difference(images.pixels_of(kept.body), images.scene(96, 64).numpy()) < (1 if kind == "png" else 6)


@pytest.mark.parametrize("kind", FORMATS)
def test_no_maker_note_and_no_thumbnail_is_kept(kind):
    data = images.photo_with_thumbnail()
    assert b"SECRETPREVIEW" in data
    assert data.count(b"\xff\xd8\xff") == 2
    result = exported(data, format=kind, max_dimension=60, keep_metadata=True)
    exif = images.opened(result.body).getexif()
    assert exif[ExifTags.Base.Make] == "KEPTCAMERA"
    assert not exif.get_ifd(ExifTags.IFD.IFD1)
    assert ExifTags.Base.MakerNote not in exif.get_ifd(ExifTags.IFD.Exif)
    assert b"SECRETPREVIEW" not in result.body
    assert result.body.count(b"\xff\xd8\xff") == (1 if kind == "jpeg" else 0)


def test_thumbnails_in_xmp_are_emptied_and_both_ways_of_writing_are_known():
    element = b"<tiff:Orientation>8</tiff:Orientation><xmpGImg:image>/9j/4AAQSk\n+Zg==</xmpGImg:image>"
    assert cleaned_xmp(element) == b"<tiff:Orientation>1</tiff:Orientation><xmpGImg:image></xmpGImg:image>"
    attributes = b"<a tiff:Orientation = '6' xmpGImg:image=\"/9j/4AAQ\" b='c'/>"
    assert cleaned_xmp(attributes) == b"<a tiff:Orientation = '1' xmpGImg:image=\"\" b='c'/>"
    assert cleaned_xmp(b"tiff:Orientation=" * 10_000) == b"tiff:Orientation=" * 10_000


@pytest.mark.parametrize("source_format", ["jpeg", "png", "webp"])
def test_a_source_that_is_small_already_is_kept_as_it_is(source_format):
    options: dict[str, dict[str, Any]] = {
        "jpeg": {"quality": 20, "optimize": True, "progressive": True},
        "webp": {"lossless": False},
    }
    data = _source(source_format, **options.get(source_format, {}))
    result = exported(data, quality=100 if source_format == "webp" else None, keep_metadata=True)
    assert len(result.body) <= len(data)
    if source_format == "webp":
        assert result.body == data


def test_a_source_that_xmp_alone_says_to_turn_is_not_kept_as_it_is():
    """We show it as browsers do, which do not look there; but the file must not say that it lies."""
    data = _source("jpeg", exif=_exif(1), xmp=_XMP % 6, quality=20)
    result = exported(data, keep_metadata=True)
    assert not result.passthrough
    assert b'tiff:Orientation="1"' in _xmp_of(images.opened(result.body))


def _cmyk(profile: bytes | None) -> bytes:
    out = io.BytesIO()
    options = {"icc_profile": profile} if profile else {}
    Image.fromarray(images.quadrants().numpy()).convert("CMYK").save(
        out, "JPEG", quality=95, exif=_exif(), xmp=_XMP % 1, **options
    )
    return out.getvalue()


def test_print_colours_without_a_profile_become_srgb_and_keep_the_rest():
    for kind in FORMATS:
        picture = images.opened(exported(_cmyk(None), format=kind, keep_metadata=True).body)
        assert picture.mode != "CMYK"
        assert "icc_profile" not in picture.info
        assert picture.getexif()[ExifTags.Base.Make] == "KEPTCAMERA"
        assert b"KEPTXMP" in _xmp_of(picture)


@_needs_photos
@pytest.mark.images
@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("name", ["Channel_digital_image_CMYK_color.jpg", "dog_and_lake_cmyk_with_icc_profile.jpg"])
def test_print_colours_stay_in_a_jpeg_and_become_srgb_elsewhere(name, kind):
    data = (images.SHARED / "colour" / name).read_bytes()
    kept = exported(data, format=kind, quality=90, keep_metadata=True, max_dimension=200)
    picture = images.opened(kept.body)
    assert (picture.mode == "CMYK") == (kind == "jpeg")
    assert ("icc_profile" in picture.info) == (kind == "jpeg")
    assert picture.getexif()
    managed = exported(data, format=kind, quality=90, max_dimension=200)
    # A JPEG was scaled and coded in CMYK: not the same grain.
    assert delta_e(_in_srgb(kept.body), images.pixels_of(managed.body)) < (4 if kind == "jpeg" else 0.1)


@_needs_photos
@pytest.mark.images
@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    "name",
    [
        "adobergb_xmp_test.jpg",
        "P3-sRGB-color-ring.jpg",
        "colorchecker_ECI_RGB_v2.jpg",
        "sample_a98.jpg",
        "tifftag-photoshop.tiff",  # 16 bits
        "16-bit-grey-alpha.png",
        "grayscale-icc.jpg",
        "BSG1.tiff",
    ],
)
def test_real_profiles_are_kept_with_their_pixels(name, kind):
    data = (images.SHARED / "colour" / name).read_bytes()
    quality = None if kind == "png" else 92  # of a PNG it would be a palette's
    kept, managed = (
        exported(data, format=kind, quality=quality, keep_metadata=keep, max_dimension=300) for keep in (True, False)
    )
    picture = images.opened(kept.body)
    is_grey = name.startswith(("16-bit-grey", "grayscale"))
    assert ("icc_profile" in picture.info) == (not is_grey or kind in ("jpeg", "png"))
    if "A" not in picture.mode:  # over which ground, and in which colours, is another question
        assert delta_e(_in_srgb(kept.body), images.pixels_of(managed.body)) < (1 if kind == "png" else 2)


@_needs_photos
@pytest.mark.images
@pytest.mark.parametrize("kind", FORMATS)
def test_a_real_photo_keeps_where_and_how_it_was_taken(kind):
    data = (images.SHARED / "photos" / "gps_exif_DSCN0010.jpg").read_bytes()
    before = images.opened(data).getexif()
    after = images.opened(exported(data, format=kind, max_dimension=320, keep_metadata=True).body).getexif()
    assert not after.get_ifd(ExifTags.IFD.IFD1)
    changed = {ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight, ExifTags.Base.ExifInteroperabilityOffset}
    for directory in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        old, new = before.get_ifd(directory), after.get_ifd(directory)
        assert set(old) - set(new) <= {ExifTags.Base.MakerNote}
        assert {tag: new[tag] for tag in new if tag not in changed} == {
            tag: old[tag] for tag in new if tag not in changed
        }
    assert after[ExifTags.Base.Model] == before[ExifTags.Base.Model]


@_needs_photos
@pytest.mark.images
@pytest.mark.slow
@pytest.mark.parametrize("keep", [False, True])
def test_no_real_png_ever_grows(keep):
    grown = {}
    for path in sorted(images.SHARED.rglob("*.png")):
        if path.parent.name == "bad" or path.name == "16384x16384.png":
            continue
        data = path.read_bytes()
        result = exported(data, format="png", keep_metadata=keep)
        if len(result.body) > len(data):
            grown[path.name] = (len(data), len(result.body))
    assert not grown


@_needs_photos
@pytest.mark.images
@pytest.mark.parametrize("keep", [False, True])
def test_real_photos_held_any_way_come_out_upright(keep):
    folder = images.SHARED / "odd"
    plain = exported((folder / "Landscape_1.jpg").read_bytes(), max_dimension=300)
    for number in range(9):
        data = (folder / f"Landscape_{number}.jpg").read_bytes()
        result = exported(data, max_dimension=300, keep_metadata=keep)
        assert images.hash_distance(result.body, plain.body) <= 3
        assert images.opened(result.body).getexif().get(ExifTags.Base.Orientation, 1) == 1


def test_a_grey_profile_stays_in_jpeg_and_png_and_no_palette_breaks_it():
    profile = profiles.build("Grey", _P3, lambda x: x**1.4, grey=True)
    data = images.encoded(images.with_profile(images.grey(), profile), "png")
    for kind in FORMATS:
        picture = images.opened(exported(data, format=kind, max_dimension=60, keep_metadata=True).body)
        assert ("icc_profile" in picture.info) == (kind in ("jpeg", "png"))
        if kind in ("jpeg", "png"):
            assert picture.mode == "L"


def test_a_palette_keeps_all_three():
    out = io.BytesIO()
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", (_XMP % 1).decode())
    picture = Image.fromarray(images.scene(200, 100).numpy()).quantize(8)
    picture.save(out, "PNG", exif=_exif(), icc_profile=_p3(), pnginfo=info)
    result = exported(out.getvalue(), max_dimension=100, keep_metadata=True, quality=60)
    kept = images.opened(result.body)
    assert kept.mode == "P"
    assert kept.info["icc_profile"] == _p3()
    assert kept.getexif()[ExifTags.Base.Make] == "KEPTCAMERA"
    assert b"KEPTXMP" in _xmp_of(kept)


def test_an_animation_keeps_its_metadata():
    out = io.BytesIO()
    frames = [Image.fromarray(images.quadrants(40, 30).numpy()), Image.fromarray(images.scene(40, 30).numpy())]
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], exif=_exif(6), xmp=_XMP % 6, icc_profile=_p3())
    result = exported(out.getvalue(), keep_metadata=True)
    picture = images.opened(result.body)
    assert (result.pages, getattr(picture, "n_frames", 1), picture.size) == (2, 2, (30, 40))
    assert picture.getexif()[ExifTags.Base.Orientation] == 1
    assert picture.info["icc_profile"] == _p3()
    assert b'tiff:Orientation="1"' in _xmp_of(picture)


def test_colours_that_a_file_states_without_a_profile_are_kept_by_one():
    plain = images.encoded(images.scene(), "avif")
    wide = images.with_nclx(plain, 12, 13)
    kept, managed = (exported(wide, format="png", keep_metadata=keep) for keep in (True, False))
    assert "icc_profile" in images.opened(kept.body).info
    assert delta_e(_in_srgb(kept.body), images.pixels_of(managed.body)) < 0.5


@pytest.mark.parametrize("kind", FORMATS)
def test_a_tiffs_own_tags_become_exif(kind):
    tags = ImageFileDirectory_v2()
    tags[ExifTags.Base.Make] = "KEPTCAMERA"
    tags[ExifTags.IFD.Exif] = {ExifTags.Base.FNumber: 2.8, ExifTags.Base.MakerNote: b"SECRETPREVIEW"}
    tags[ExifTags.IFD.GPSInfo] = {ExifTags.GPS.GPSLatitudeRef: "N", ExifTags.GPS.GPSLatitude: (52.0, 31.0, 12.0)}
    out = io.BytesIO()
    Image.fromarray(images.scene().numpy()).save(out, "TIFF", tiffinfo=tags)
    kept = images.opened(exported(out.getvalue(), format=kind, keep_metadata=True).body).getexif()
    assert kept[ExifTags.Base.Make] == "KEPTCAMERA"
    assert kept.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] == (52.0, 31.0, 12.0)
    assert ExifTags.Base.MakerNote not in kept.get_ifd(ExifTags.IFD.Exif)
    assert {ExifTags.Base.StripOffsets, ExifTags.Base.BitsPerSample}.isdisjoint(kept)


@pytest.mark.parametrize("source_format", ["gif", "bmp", "ico", "tiff"])
def test_where_there_is_nothing_to_keep_nothing_is_invented(source_format):
    for kind in FORMATS:
        picture = images.opened(
            exported(images.encoded(images.quadrants(), source_format), format=kind, keep_metadata=True).body
        )
        assert not picture.getexif()
        assert not _xmp_of(picture)
        assert "icc_profile" not in picture.info


def _png_with(kind: bytes, content: bytes) -> bytes:
    return images.with_png_chunk(images.encoded(images.scene(), "png"), kind, content)


def _png_with_xmp(xmp: bytes) -> bytes:
    """Compressed, so that a small file brings a long packet."""
    return _png_with(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(xmp))


@pytest.mark.parametrize("kind", FORMATS)
def test_a_packet_that_is_too_long_is_left_out(kind):
    longest = MAX_XMP_BYTES.get(kind, MAX_OTHER_XMP_BYTES)
    for length, kept in ((longest, True), (longest + 1, False)):
        data = _png_with_xmp(b"<x/>".ljust(length))
        result = exported(data, format=kind, max_dimension=100, keep_metadata=True)
        assert len(_xmp_of(images.opened(result.body))) == (length if kept else 0)


@pytest.mark.parametrize("kind", FORMATS)
def test_exif_that_is_too_long_is_left_out(kind):
    for length in (MAX_EXIF_BYTES - 300, MAX_EXIF_BYTES):
        exif = Image.Exif()
        exif[ExifTags.Base.Make] = "x" * length
        result = exported(_png_with(b"eXIf", exif.tobytes()[6:]), format=kind, max_dimension=100, keep_metadata=True)
        kept = images.opened(result.body).getexif()
        assert bool(kept) == (length < MAX_EXIF_BYTES)
        assert not kept or len(kept[ExifTags.Base.Make]) == length


@pytest.mark.parametrize("kind", FORMATS)
def test_a_profile_that_is_too_long_is_applied_and_left_out(kind):
    profile = _p3() + bytes(MAX_PROFILE_BYTES)
    profile = struct.pack(">I", len(profile)) + profile[4:]
    assert icc.parse(profile) is not None
    data = images.encoded(images.with_profile(images.scene(), profile), "png")
    kept, managed = (exported(data, format=kind, max_dimension=100, keep_metadata=keep) for keep in (True, False))
    assert len(kept.body) < 100_000
    assert np.array_equal(images.pixels_of(kept.body), images.pixels_of(managed.body))


@pytest.mark.parametrize(
    "profile",
    [
        b"not a profile at all" * 20,
        images.srgb_profile()[:200],
        images.srgb_profile().replace(b"RGB XYZ ", b"GRAYXYZ "),
        images.srgb_profile().replace(b"RGB XYZ ", b"CMYKLab "),
    ],
)
def test_a_profile_that_cannot_be_used_is_left_out(profile):
    data = images.encoded(images.with_profile(images.quadrants(), profile), "jpeg")
    for kind in FORMATS:
        result = exported(data, format=kind, keep_metadata=True, max_dimension=60)
        assert "icc_profile" not in images.opened(result.body).info


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"Exif\0\0",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + bytes(200),
        b"Exif\0\0II*\0\x08\0\0\0\x02\0" + struct.pack("<HHII", 0x8769, 4, 1, 8) * 2 + struct.pack("<I", 8),
        b"Exif\0\0II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 0x010F, 2, 0xFFFFFFF0, 8) + bytes(4),
    ],
)
def test_broken_exif_breaks_nothing(exif, kind):
    out = io.BytesIO()
    Image.fromarray(images.scene().numpy()).save(out, "JPEG", exif=exif)
    result = exported(out.getvalue(), format=kind, max_dimension=100, keep_metadata=True)
    assert images.opened(result.body).size == (100, 75)
    images.opened(result.body).getexif()


@_needs_photos
@pytest.mark.images
def test_odd_exif_of_real_files_breaks_nothing(shared_images: Path):
    for name in (
        "bad/broken_exif_dpi.jpg",
        "odd/long_description.jpg",
        "odd/frame_size.mpo",
        "odd/exif-xmp-metadata.jpg",
    ):
        for kind in FORMATS:
            result = exported((shared_images / name).read_bytes(), format=kind, keep_metadata=True)
            assert images.opened(result.body).size == (result.width, result.height)
