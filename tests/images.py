"""Pictures drawn for tests, and what is needed to look at results without trusting the code under test.

Everything is drawn by libvips or Pillow and read back by Pillow, so that a fault in our own decoding shows.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms

Pixels = NDArray[np.uint8]

SHARED = Path(__file__).resolve().parents[2] / "shared" / "images"
"""Real photographs, never committed; absent on most machines."""

RED, GREEN, BLUE, YELLOW = (220, 40, 40), (40, 180, 60), (50, 70, 220), (240, 220, 60)
"""Top left, top right, bottom left, bottom right of `quadrants`: any turn, flip or crop moves them."""

FORMATS = ("jpeg", "png", "webp", "avif", "gif", "tiff", "bmp", "ico")

_SAVERS: dict[str, tuple[str, dict[str, Any]]] = {
    "jpeg": ("jpegsave_buffer", {"Q": 95, "subsample_mode": "off"}),
    "png": ("pngsave_buffer", {}),
    "webp": ("webpsave_buffer", {"Q": 95}),
    "gif": ("gifsave_buffer", {"dither": 0, "effort": 1}),
    "tiff": ("tiffsave_buffer", {"compression": "deflate"}),
}
_BY_PILLOW: dict[str, dict[str, Any]] = {
    "avif": {"quality": 90, "speed": 9, "subsampling": "4:4:4"},  # unlike libvips' it states its colour (nclx)
    "bmp": {},
    "ico": {},
}
INVERSE_TURN: dict[int, Sequence[str]] = {
    1: (),
    2: ("fliphor",),
    3: ("rot180",),
    4: ("flipver",),
    5: ("fliphor", "rot270"),
    6: ("rot270",),
    7: ("fliphor", "rot90"),
    8: ("rot90",),
}
"""What a camera held that way stores: the inverse of what EXIF asks the viewer to do."""


def quadrants(width: int = 64, height: int = 48, *, alpha: int | None = None) -> Any:
    """This will draw four plain colours; with `alpha`, the right half is that transparent."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2], pixels[: height // 2, width // 2 :] = RED, GREEN
    pixels[height // 2 :, : width // 2], pixels[height // 2 :, width // 2 :] = BLUE, YELLOW
    if alpha is not None:
        opacity = np.full((height, width, 1), 255, np.uint8)
        opacity[:, width // 2 :] = alpha
        pixels = np.concatenate([pixels, opacity], axis=2)
    return from_pixels(pixels)


def scene(width: int = 160, height: int = 120, *, seed: int = 1) -> Any:
    """This will draw something like a photo: soft shades, edges and grain, the same for the same seed."""
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    grain = np.random.default_rng(seed).normal(0, 6, (height, width, 3))
    shades = np.stack([90 + 130 * x, 120 + 90 * np.sin(7 * x * y + 1), 200 - 150 * y], axis=2)
    shades[(x - 0.5) ** 2 + (y - 0.35) ** 2 < 0.04] = (230, 90, 60)
    return from_pixels(np.clip(shades + grain, 0, 255).astype(np.uint8))


def grey(width: int = 64, height: int = 48) -> Any:
    return from_pixels(np.linspace(10, 245, width * height).reshape(height, width, 1).astype(np.uint8))


def from_pixels(pixels: Pixels) -> Any:
    height, width, bands = pixels.shape
    image = pyvips.Image.new_from_memory(np.ascontiguousarray(pixels).tobytes(), width, height, bands, "uchar")
    return image.copy(interpretation="srgb" if bands >= 3 else "b-w")


def encoded(image: Any, source_format: str, **options: Any) -> bytes:
    """This will write a picture in any of the eight source formats, as losslessly as the format can."""
    if source_format in _BY_PILLOW:
        out = io.BytesIO()
        picture = Image.fromarray(image.numpy())
        sizes = {"sizes": [picture.size]} if source_format == "ico" else {}
        picture.save(out, source_format.upper(), **{**_BY_PILLOW[source_format], **sizes, **options})
        return out.getvalue()
    saver, defaults = _SAVERS[source_format]
    return bytes(pyvips.Operation.call(saver, image, **{**defaults, **options}))


def oriented(image: Any, orientation: int, source_format: str = "jpeg") -> bytes:
    """This will store an upright picture as a camera held that way does, its EXIF tag telling how."""
    for operation in INVERSE_TURN.get(orientation, ()):
        image = getattr(image, operation)()
    picture = Image.fromarray(image.numpy())
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    out = io.BytesIO()
    picture.save(out, source_format.upper(), exif=exif, quality=95)
    return out.getvalue()


def animation(source_format: str, frames: Sequence[Any], *, delays: Sequence[int] = (), loop: int = 0) -> bytes:
    """This will write an animated GIF or (lossless) WebP; delays in milliseconds."""
    joined = pyvips.Image.arrayjoin(list(frames), across=1).copy()
    joined.set_type(pyvips.GValue.gint_type, "page-height", frames[0].height)
    joined.set_type(pyvips.GValue.gint_type, "loop", loop)
    joined.set_type(pyvips.GValue.array_int_type, "delay", list(delays or [100] * len(frames)))
    options = {"lossless": True} if source_format == "webp" else {}
    return encoded(joined, source_format, **options)


def with_profile(image: Any, profile: bytes) -> Any:
    image = image.copy()
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    return image


def srgb_profile() -> bytes:
    return bytes(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())


def swap_tags(profile: bytes, first: bytes, second: bytes) -> bytes:
    """This will let two tags of an ICC profile change places, its description staying what it is."""
    table = bytearray(profile)
    places = {}
    for at in range(132, 132 + 12 * int.from_bytes(profile[128:132], "big"), 12):
        places[bytes(table[at : at + 4])] = at
    a, b = places[first], places[second]
    table[a + 4 : a + 12], table[b + 4 : b + 12] = table[b + 4 : b + 12], table[a + 4 : a + 12]
    return bytes(table)


def channel_swapping_profile() -> bytes:
    """This will say sRGB and have red and green change places."""
    return swap_tags(srgb_profile(), b"rXYZ", b"gXYZ")


def photo_with_gps(width: int = 160, height: int = 120) -> bytes:
    """This will make a camera's JPEG: EXIF with a place, XMP, a profile, a comment and a thumbnail."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "SECRETCAMERA"
    place = exif.get_ifd(ExifTags.IFD.GPSInfo)
    place[ExifTags.GPS.GPSLatitudeRef], place[ExifTags.GPS.GPSLatitude] = "N", (52.0, 31.0, 12.0)
    out = io.BytesIO()
    Image.fromarray(scene(width, height).numpy()).save(
        out, "JPEG", quality=92, exif=exif, icc_profile=srgb_profile(), comment=b"SECRETCOMMENT",
        xmp=b"http://ns.adobe.com/xap/1.0/\x00<x:xmpmeta>SECRETXMP</x:xmpmeta>",
    )  # fmt: skip
    return out.getvalue()


def photo_with_thumbnail() -> bytes:
    """This will make a camera's JPEG whose EXIF has a maker note and a thumbnail, in a directory of its own."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "KEPTCAMERA"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.MakerNote] = b"SECRETPREVIEW" * 20
    exif.endian = "<"
    block = exif.tobytes()[6:]
    thumbnail = encoded(quadrants(16, 12), "jpeg", keep=0)
    first = int.from_bytes(block[4:8], "little")
    end_of_first = first + 2 + 12 * int.from_bytes(block[first : first + 2], "little")
    second = len(block) + len(block) % 2
    entries = [(0x0103, 3, 1, 6), (0x0201, 4, 1, second + 2 + 3 * 12 + 4), (0x0202, 4, 1, len(thumbnail))]
    directory = struct.pack("<H", 3) + b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    block = block[:end_of_first] + struct.pack("<I", second) + block[end_of_first + 4 :]
    block = block.ljust(second, b"\0") + directory + thumbnail
    out = io.BytesIO()
    Image.fromarray(scene().numpy()).save(out, "JPEG", quality=92, exif=b"Exif\0\0" + block)
    return out.getvalue()


def print_photo() -> bytes:
    """This will make a JPEG in CMYK with a profile: one of libvips' own, which stands for a printing press."""
    pixels = scene().icc_transform("cmyk", input_profile="srgb", intent="relative")
    return encoded(pixels, "jpeg")


def with_second_picture(jpeg: bytes) -> bytes:
    """This will append another JPEG, as MPO and Ultra HDR do with thumbnails and gain maps."""
    return jpeg + encoded(from_pixels(np.full((8, 8, 1), 90, np.uint8)), "jpeg") + b"SECRETTAIL"


def with_nclx(avif: bytes, primaries: int, transfer: int) -> bytes:
    """This will state other colour code points in an AVIF."""
    at = avif.index(b"colrnclx") + 8
    return avif[:at] + struct.pack(">HH", primaries, transfer) + avif[at + 4 :]


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def with_png_chunk(png: bytes, kind: bytes, content: bytes) -> bytes:
    """This will put a chunk behind the header of a PNG."""
    return png[:33] + png_chunk(kind, content) + png[33:]


def opened(body: bytes) -> Image.Image:
    """This will decode bytes with Pillow, not with the code under test."""
    picture = Image.open(io.BytesIO(body))
    picture.load()
    return picture


def as_png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def pixels_of(body: bytes, *, mode: str = "RGB") -> Pixels:
    """This will return the first frame as an array; transparent parts of an RGB result lie on white."""
    picture = opened(body).convert("RGBA")
    if mode == "RGB":
        ground = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        picture = Image.alpha_composite(ground, picture).convert("RGB")
    return np.asarray(picture)


def corners_of(body: bytes) -> list[tuple[int, int, int]]:
    """This will return the colours in the middle of the four quarters: top left, top right, bottom left and right."""
    pixels = pixels_of(body)
    height, width, _ = pixels.shape
    places = [(y, x) for y in (height // 4, height - 1 - height // 4) for x in (width // 4, width - 1 - width // 4)]
    return [tuple(int(value) for value in pixels[place]) for place in places]  # type: ignore[misc]


def are_near(found: Sequence[Sequence[int]], wanted: Sequence[Sequence[int]], *, tolerance: int = 24) -> bool:
    return bool(np.abs(np.array(found, int) - np.array(wanted, int)).max() <= tolerance)


def difference(first: Pixels, second: Pixels) -> float:
    """This will return the mean absolute difference of two pictures of one size, 0..255."""
    assert first.shape == second.shape
    return float(np.abs(first.astype(int) - second.astype(int)).mean())


def dhash(body: bytes) -> int:
    """This will hash a picture by whether each of 8 × 8 cells is brighter than its right neighbour."""
    small = np.asarray(Image.fromarray(pixels_of(body)).convert("L").resize((9, 8), Image.Resampling.BOX), int)
    return int("".join("1" if bit else "0" for bit in (small[:, 1:] > small[:, :-1]).ravel()), 2)


def hash_distance(first: bytes, second: bytes) -> int:
    return (dhash(first) ^ dhash(second)).bit_count()
