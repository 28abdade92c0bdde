"""What runs in a render child for `inspect` and `compare`: it is the child that reads what strangers have made."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from pipeline.child import bound_by_format
from pipeline.errors import ImgoptError
from pipeline.limits import Limits

CHARACTERS: Final = 80
BLOBS: Final = {"exif": "exif-data", "xmp": "xmp-data", "iptc": "iptc-data", "icc": "icc-profile-data"}
"""Kinds of metadata by libvips' names."""


def examine(path: str, limits: Limits) -> dict[str, Any]:
    """This will tell all that is known of a picture, in plain values.

    What has a sound header and does not decode is told of as well, with the sentence that says so as `damage`.
    Raises what `pipeline.header.read_header` raises.
    """
    from pipeline import inspector
    from pipeline.header import read_header
    from pipeline.inspect import inspect

    data = Path(path).read_bytes()
    bound_by_format(data, limits)
    info = read_header(data, limits)
    facts: dict[str, Any] = {
        "format": info.format,
        "width": info.width,
        "height": info.height,
        "megapixels": round(info.width * info.height / 1e6, 2),
        "orientation": info.orientation,
        "pages": info.pages,
        "animated": info.is_animated,
        "bytes": len(data),
        "bits_per_pixel": round(8 * len(data) / (info.width * info.height * info.pages), 3),
        "sha256": hashlib.sha256(data).hexdigest(),
        "colour_space": info.colour_space,
        "bit_depth": info.bit_depth,
        "alpha": info.has_alpha,
        "interlaced": info.interlaced,
        "profile": {"description": info.profile, "is_srgb": info.is_srgb},
        **_fields(data, info.format),
        "damage": None,
    }
    try:
        seen = inspect(data, limits).placeholder
        colours = inspector.report(data, info, limits)
    except ImgoptError as error:
        return facts | {"damage": error.message}
    return facts | {"colour": asdict(colours), "palette": list(seen.palette) if seen else []}


def _fields(data: bytes, source_format: str) -> dict[str, Any]:
    """This will tell which metadata a file carries, not what they say, but for the camera: it is no secret."""
    from pipeline import pillow
    from pipeline.header import has_field, open_lazily

    if source_format in pillow.FORMATS:
        return {"chroma_subsampling": None, "metadata": {}}
    image = open_lazily(data, source_format)
    names = image.get_fields()
    sizes = {kind: len(bytes(image.get(field))) for kind, field in BLOBS.items() if has_field(image, field)}
    chroma = image.get("jpeg-chroma-subsample") if "jpeg-chroma-subsample" in names else None
    return {
        "chroma_subsampling": chroma,
        "metadata": {
            "bytes": sizes,
            "gps": any(name.startswith("exif-ifd3-GPS") for name in names),
            "thumbnail": "jpeg-thumbnail-data" in names,
            "camera": " ".join(
                text for name in ("exif-ifd0-Make", "exif-ifd0-Model") if name in names and (text := _text(image, name))
            ),
        },
    }


def _text(image: Any, name: str) -> str:
    """EXIF's texts come as `Canon (Canon, ASCII, 6 components, 6 bytes)`."""
    from pipeline.icc import safe_text

    return safe_text(str(image.get(name)).partition(" (")[0])[:CHARACTERS]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    scores: dict[str, Any]
    width: int
    height: int
    maps: dict[str, bytes]
    """PNGs by what they show: `ssim` and `delta-e`."""


def compare(reference: str, result: str, limits: Limits, with_maps: bool, also: tuple[str, ...] = ()) -> Comparison:
    """This will measure a picture against another, by further metrics `also`.

    Raises `Unmeasurable` where their sizes differ.
    """
    from pipeline import vips
    from pipeline.quality import delta_e_map, measure, ssim_map

    datas = [Path(path).read_bytes() for path in (reference, result)]
    # Memory for both, each by its own format.
    bound_by_format(datas[0], limits, mark=datas[1])
    first, second = (_pixels(data, limits) for data in datas)
    scores = measure(first, second, also=also)
    maps = {}
    if with_maps:
        for name, draw in (("ssim", ssim_map), ("delta-e", delta_e_map)):
            maps[name] = bytes(vips.call("pngsave_buffer", _image(draw(first, second)), compression=6, filter="all"))
    return Comparison(scores=scores.as_dict(), width=first.width, height=first.height, maps=maps)


def _pixels(data: bytes, limits: Limits) -> Any:
    """This will decode a picture whole, upright and in sRGB: of an animation its first frame."""
    from pipeline.frames import still
    from pipeline.geometry import plan
    from pipeline.header import read_header
    from pipeline.spec import TransformSpec
    from pipeline.steps import turn

    info = read_header(data, limits)
    work = plan(TransformSpec(), width=info.width, height=info.height, orientation=info.orientation, limits=limits)
    return turn(still(data, info, work), work).copy_memory()


def _image(pixels: Any) -> Any:
    import pyvips

    return pyvips.Image.new_from_array(pixels).copy(interpretation="srgb")
