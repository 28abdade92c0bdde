"""What tests of the render pool share beside their fixtures."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.admission import Weight
from pipeline.pool import RenderPool

PATIENT_SECONDS = 30
LIGHT = Weight(format="png", width=400, height=250)
MakePool = Callable[..., RenderPool]


def draw_png(width: int, height: int) -> bytes:
    from io import BytesIO

    from PIL import Image

    buffer = BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()
