"""Short ways to ask for a rendition in tests."""

from __future__ import annotations

from typing import Any

from pipeline.export import export_request
from pipeline.header import read_header
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
    logo: bytes | None = None,
    **spec: Any,
) -> Rendition:
    """This will render with a spec of the given fields, into a lossless format unless told otherwise.

    `logo` is laid on as the watermark.
    """
    if logo is not None:
        spec["mark"] = "logo"
    request = RenderRequest(
        spec=TransformSpec(**spec),
        format=output_format,
        source_formats=source_formats,
        mark=logo,
        limits=limits,
    )
    return render(data, request)


def exported(data: bytes, *, limits: Limits = LIMITS, **options: Any) -> Rendition:
    """This will make a copy as the job API and the command line do."""
    return render(data, export_request(read_header(data, limits), limits=limits, **options))
