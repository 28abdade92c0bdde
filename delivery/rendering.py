"""A variant's request, rendered by the children of this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import structlog
from django.conf import settings

from assets.blobs import blob_source
from assets.children import render_pool
from delivery import counters
from delivery.variants import VariantRequest, weight_of
from metrics import learning
from pipeline import spans
from pipeline.errors import Busy, ChildDied
from pipeline.rendition import Rendition

log = structlog.get_logger("delivery.render")

SEARCH_LIMITS = 4
"""A search has that many times the limit of one render: it asks the encoder so often, and nobody is kept by it who has
not chosen to be. (An AVIF of 1600 px took up to 17 s on two busy cores.)"""


def rendered(request: VariantRequest, render: Callable[[VariantRequest], Rendition]) -> Rendition:
    """This will render, once more if the child died, and count what fails."""
    try:
        try:
            return render(request)
        except ChildDied:
            # Killed for want of memory, it may have been another one's fault, and a crowd waits for this picture.
            log.warning("render child died, once more", key=request.key.path)
            return render(request)
    except Busy:  # it never began
        raise
    except Exception:
        counters.RENDERS.labels(request.render.format, "failed").inc()
        raise


def render_variant(request: VariantRequest) -> Rendition:
    """What has a target is measured at once, the rest in the background: `jobs.measuring`."""
    blob = request.master.blob
    render = learning.informed(request.render, digest=blob.digest, key=request.key.name)
    if request.mark is not None:
        render = replace(render, mark=blob_source(request.mark.blob))
    with spans.span("render", {"imgopt.format": render.format}):
        rendition = render_pool().render(
            blob_source(blob),
            render,
            weight=weight_of(request),
            label=request.key.name,
            timeout_seconds=settings.CONFIG.render_timeout_seconds * (SEARCH_LIMITS if render.effort == "full" else 1),
            measure=render.spec.target is not None,
        )
        spans.phases(rendition.seconds)
    return rendition
