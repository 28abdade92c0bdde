"""How much memory a rendition takes while it is made: numbers only, known before a pixel is decoded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pipeline.errors import ImgoptError
from pipeline.geometry import ENLARGED_AREA, Size, plan
from pipeline.limits import Limits
from pipeline.quality.metrics import metrics_mb
from pipeline.request import RenderRequest
from pipeline.spec import TransformSpec

MOVING: Final = frozenset({"gif", "webp"})
"""Formats whose pages are frames in time, read as well as written."""

PIXELS_MB: Final = 4.0
"""A megapixel in memory, at most RGBA."""
ENCODER_MB: Final[Mapping[str, tuple[float, float]]] = {
    "jpeg": (10.0, 11.0),
    "png": (7.0, 9.0),
    "quantised png": (13.0, 15.0),
    "webp": (13.0, 38.0),
    "gif": (16.0, 16.0),
    "avif": (25.0, 42.0),
}
"""By format for each megapixel written, its pixels included: where all is opaque, and where there may be alpha. It is
the most that a child grew by at 16 and at 36 megapixels, over photos, noise and plain colours, qualities 30 to 100."""
SEARCHING: Final = 3.3
"""So many times that where a quality is searched for: the files tried, their pixels and the reference's statistics (at
6 megapixels of noise 31 MB each for JPEG, 47 for WebP, 79 for AVIF, 135 for AVIF with alpha)."""
KEPT_MB: Final = (26.0, 40.0)
KEPT_MEGAPIXELS: Final = 4.0
"""And so much more for each megapixel of a picture up to that size, of which a search keeps what SSIM needs, over white
and over black where there may be alpha (2.4 megapixels of noise as AVIF: 283 and 461 MB)."""
FULL_MB: Final[Mapping[str, tuple[float, float]]] = {"jpeg": (10.0, 10.0), "png": (40.0, 40.0)}
"""What full effort adds for each megapixel: mozjpeg's trellis and scans, oxipng's trials of filters. AVIF and WebP take
no more at a higher effort, only longer."""
MEASURING_MB: Final = (10.0, 24.0)
"""So much more for each megapixel where the file is decoded again and compared."""


def footprint_mb(
    request: RenderRequest,
    *,
    width: int,
    height: int,
    has_alpha: bool,
    frames: int = 1,
    measured: bool = False,
) -> float:
    """This will estimate what a rendition of an upright source of `width` × `height` takes beside decoding it.

    The scaled and the finished picture are held together, with what lies on it; then the finished one and what its
    encoder needs. `frames` are held until all are drawn, and are written one by one.

    >>> request = RenderRequest(spec=TransformSpec(width=4000), format="avif", limits=Limits())
    >>> footprint_mb(request, width=6000, height=3000, has_alpha=False)
    200.0
    """
    spec = request.spec
    made, scaled = _megapixels(spec, (width, height), request.limits)
    column = 1 if _may_have_alpha(spec, has_alpha=has_alpha) else 0
    writing = ENCODER_MB[_kind(request)][column]
    if request.spec.target is not None:
        writing = writing * SEARCHING + (KEPT_MB[column] if made <= KEPT_MEGAPIXELS else 0)
    if request.effort == "full":
        writing += FULL_MB.get(request.format, (0.0, 0.0))[column]
    writing += MEASURING_MB[column] if measured else 0
    comparing = metrics_mb(request.metrics, made) if measured else 0
    layers = sum(map(bool, (spec.border, spec.mask, spec.mark, spec.text)))
    drawing = PIXELS_MB * (scaled + made * (1 + layers))
    sought = PIXELS_MB * width * height / 1e6 if spec.trim else 0  # a border is looked for in all pixels
    return sought + max(drawing, writing * made) + comparing + PIXELS_MB * made * (frames - 1)


def _kind(request: RenderRequest) -> str:
    spec = request.spec
    may_lose = spec.target is not None or spec.max_bytes is not None or spec.quality not in (None, 100)
    return "quantised png" if request.format == "png" and may_lose else request.format


def _may_have_alpha(spec: TransformSpec, *, has_alpha: bool) -> bool:
    """A letterbox, a margin and what is outside a mask are transparent unless a background is asked for."""
    if spec.background is not None:
        return spec.background[3] < 255
    return has_alpha or bool(spec.mask) or spec.fit == "fill" or spec.pad > 0


def _megapixels(spec: TransformSpec, size: Size, limits: Limits) -> tuple[float, float]:
    """The result's, and those of the picture that is scaled before its crop."""
    if spec.trim:
        return _most(spec, size, limits)
    try:
        work = plan(spec, width=size[0], height=size[1], orientation=1, limits=limits)
    except ImgoptError:
        # Refused before a pixel is decoded; but a TIFF's other pages may be of other sizes than the first.
        return _most(spec, size, limits) if spec.page else (0, 0)
    return work.output_width * work.output_height / 1e6, work.scaled_width * work.scaled_height / 1e6


def _most(spec: TransformSpec, size: Size, limits: Limits) -> tuple[float, float]:
    """The same at most, whatever part of the source it is made of.

    A side that is asked for bounds a result unless the fit is `outside`; else the source's own does, unless it may be
    enlarged.
    """
    turned = (size[1], size[0]) if spec.rotate in (90, 270) else size
    sides = [
        wanted if wanted and spec.fit != "outside" else limits.max_output_side if spec.enlarge else own
        for wanted, own in zip((spec.width, spec.height), turned, strict=True)
    ]
    made = min((sides[0] + 2 * spec.pad) * (sides[1] + 2 * spec.pad) / 1e6, limits.max_output_megapixels)
    if spec.fit not in ("crop", "outside"):
        return made, made
    source = size[0] * size[1] / 1e6
    return made, max(source, ENLARGED_AREA * limits.max_output_megapixels) if spec.enlarge else source
