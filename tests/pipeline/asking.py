"""Short ways to ask for a rendition in tests."""

from __future__ import annotations

from typing import Any

from pipeline.limits import Limits
from pipeline.render import RenderRequest, render
from pipeline.rendition import Rendition
from pipeline.spec import Format, TransformSpec

LIMITS = Limits()


def rendered(
    data: bytes,
    output_format: Format = "png",
    *,
    source_formats: frozenset[str] = frozenset(),
    limits: Limits = LIMITS,
    **spec: Any,
) -> Rendition:
    """This will render with a spec of the given fields, into a lossless format unless told otherwise."""
    request = RenderRequest(
        spec=TransformSpec(**spec), format=output_format, source_formats=source_formats, limits=limits
    )
    return render(data, request)
