"""Short ways to ask for a target in tests, and to see what the encoders are asked for."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline import vips
from pipeline.limits import Limits
from pipeline.render import RenderRequest, render
from pipeline.rendition import Rendition
from pipeline.spec import Format, TransformSpec
from pipeline.targets import Target
from tests import images
from tests.images import Pixels
from tests.pipeline.quality.photographs import photograph

PHOTO = images.encoded(images.from_pixels(photograph("coffee.png")), "png")
LOSSY: tuple[Format, ...] = ("avif", "webp", "jpeg")
WIDTH = 240


def aimed(
    output_format: Format,
    target: float | Target = 0.97,
    data: bytes = PHOTO,
    *,
    own: bool = False,
    how: dict[str, Any] | None = None,
    measure: bool = False,
    **spec: Any,
) -> Rendition:
    """This will render to a target; `how` is more of the request, `own` lets the source's bytes through."""
    formats = frozenset({"jpeg", "png", "webp"}) if own else frozenset[str]()
    quality = Target(ssim=target) if isinstance(target, float) else target
    asked = TransformSpec(**{"width": WIDTH, "quality": quality, **spec})
    request = RenderRequest(spec=asked, format=output_format, source_formats=formats, limits=Limits(), **(how or {}))
    return render(data, request, measure=measure)


def plain(output_format: Format, quality: int | None, data: bytes = PHOTO, **spec: Any) -> Rendition:
    asked = TransformSpec(**{"width": WIDTH, "quality": quality, **spec})
    return render(data, RenderRequest(spec=asked, format=output_format, limits=Limits()))


def decoded(body: bytes) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(body)).convert("RGB"))


def encodes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int | None]]:
    """This will note each picture that libvips is told to write: operation and quality."""
    asked: list[tuple[str, int | None]] = []
    real = vips.call

    def noted(operation: str, *args: Any, **options: Any) -> Any:
        if operation.endswith("save_buffer"):
            asked.append((operation, options.get("Q")))
        return real(operation, *args, **options)

    monkeypatch.setattr(vips, "call", noted)
    return asked


def lettering(ink: str, paper: str, size: tuple[int, int] = (320, 200)) -> bytes:
    """This will draw lines of letters in one colour on another."""
    from PIL import ImageDraw, ImageFont

    picture = Image.new("RGB", size, paper)
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(20)
    for top in range(6, size[1], 30):
        pen.text((8, top), "Sale ends today 1234567890", fill=ink, font=font)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
