"""Many variants of one master in one decode, for work that nobody waits for: into storage, not into the fast tiers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from django.conf import settings

from assets.blobs import blob_source
from assets.children import render_pool
from delivery import counters, quality_counters
from delivery.drafts import as_final, is_searched
from delivery.entry import entry_of
from delivery.records import RECORDS
from delivery.rendering import SEARCH_LIMITS
from delivery.service import service
from delivery.variants import VariantRequest, weight_of
from metrics import learning
from pipeline.errors import ImgoptError
from pipeline.pool import MOST_LIMITS
from pipeline.rendition import Rendition


def render_together(
    requests: Sequence[VariantRequest], *, is_current: Callable[[], bool] = lambda: True
) -> list[Rendition | ImgoptError]:
    """This will render and measure the variants of one master, and keep them in the storage tier.

    What cannot be rendered is an error in its place. `is_current` is asked before anything is kept: what was deleted
    or replaced meanwhile must not rise from the dead.
    """
    first = requests[0]
    mark = None if first.mark is None else blob_source(first.mark.blob)
    made = render_pool().render_many(
        blob_source(first.master.blob),
        [
            replace(learning.informed(as_final(each).render, digest=each.key.digest, key=each.key.name), mark=mark)
            for each in requests
        ],
        weight=weight_of(max(requests, key=lambda request: weight_of(request).megabytes)),
        label=first.key.digest,
        timeout_seconds=_limit(requests),
        measure=True,
    )
    if is_current():
        for request, rendition in zip(requests, made, strict=True):
            if isinstance(rendition, Rendition):
                _keep(request, rendition)
    return made


def _limit(requests: Sequence[VariantRequest]) -> float:
    """Each has its own, up to a limit of all: a child that hangs is lost for as long."""
    limits = sum(SEARCH_LIMITS if is_searched(request) else 1 for request in requests)
    return settings.CONFIG.render_timeout_seconds * min(limits, MOST_LIMITS)


def _keep(request: VariantRequest, rendition: Rendition) -> None:
    """Only the slowest tier: what is asked for is copied into the faster ones, and a library would drive it out."""
    entry, seconds = entry_of(rendition), rendition.seconds
    service().put_slowest(request.key, entry)
    RECORDS.note(
        request,
        entry,
        seconds=sum(seconds.values()),
        passthrough=rendition.passthrough,
        curve=rendition.curve,
    )
    counters.rendered(entry.format, seconds, passthrough=rendition.passthrough)
    quality_counters.made(entry)
    if is_searched(request):
        counters.FINALS.labels(entry.format, "together").inc()
