"""Variants that were sent before they were measured, measured afterwards: their own bytes, out of the lasting tiers.

The bytes stay as they are, and so does their ETag. What the tiers and the database know of them is more afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Final, TypeVar

import structlog
from django.db import transaction
from django.db.models import Q, QuerySet

from assets.blobs import blob_source
from assets.children import render_pool
from assets.errors import StorageUnavailable
from delivery import quality_counters
from delivery.entry import Entry
from delivery.models import Variant
from delivery.remade import pending_receipt, request_of
from delivery.service import service
from delivery.tiers import Tier
from delivery.tiers.guard import Guarded
from delivery.variants import VariantKey, VariantRequest, weight_of
from metrics import receipts
from pipeline.errors import Busy, ImgoptError
from pipeline.receipt import Receipt, State
from pipeline.rendition import Measured

log = structlog.get_logger("delivery.remeasuring")
T = TypeVar("T")

PAGE: Final = 50

EVICTED: Final = "It was evicted before it was measured."
OUTDATED: Final = "It was made by another version or with other limits, and is no longer served."


def pending() -> QuerySet[Variant]:
    """The newest first; by an index that has only these."""
    return Variant.objects.filter(is_pending=True).order_by("-created_at", "-id")


def each_pending() -> Iterator[Variant]:
    """This will give each of them once, also those that stay pending."""
    page = list(pending()[:PAGE])
    while page:
        yield from page
        last = page[-1]
        older = Q(created_at__lt=last.created_at) | Q(created_at=last.created_at, id__lt=last.id)
        page = list(pending().filter(older)[:PAGE])


def settle(variant: Variant) -> Receipt | None:
    """This will measure a variant, or find out why it cannot be, and keep its receipt.

    `None`: not now, for its master cannot be read or somebody has rendered or purged it meanwhile. Raises `Busy` where
    nothing can be measured now.
    """
    key = VariantKey(variant.digest, variant.key)
    try:
        held = [(tier, entry) for tier in _tiers() if (entry := _found(tier, key, variant.etag)) is not None]
        receipt = _receipt(variant, held[0][1] if held else None)
        if not _this(variant).exists():  # what was purged meanwhile must not rise from the dead
            return None
        for tier, entry in held:
            # First the tiers: ended in between, it is found there the next time and only written down.
            _asked(partial(tier.put, key, replace(entry, receipt=receipt)))
    except StorageUnavailable as error:
        log.warning("not measured", key=key.path, error=error.message)
        return None
    if not _record(variant, receipt):
        return None
    quality_counters.measured(variant.format, receipt)
    return receipt


def _tiers() -> list[Tier]:
    """The lasting ones as they are: an error that is taken for a miss would be taken for an eviction here."""
    return [tier.tier if isinstance(tier, Guarded) else tier for tier in service().lasting]


def _found(tier: Tier, key: VariantKey, etag: str) -> Entry | None:
    """This will give this very file, if the tier has it."""
    entry = _asked(partial(tier.get, key))
    return entry if entry is not None and entry.etag == f'"{etag}"' else None


def _asked(call: Callable[[], T]) -> T:
    try:
        return call()
    except Exception as error:  # whatever a storage raises
        raise StorageUnavailable(f"The variants' storage cannot be asked: {error!r:.200}") from error


def _receipt(variant: Variant, entry: Entry | None) -> Receipt:
    if entry is None:
        return replace(pending_receipt(variant), state="unmeasurable", reason=EVICTED)
    if entry.receipt.state != "pending":
        return entry.receipt
    request = request_of(variant)
    if request is None:
        return replace(entry.receipt, state="unmeasurable", reason=OUTDATED)
    try:
        found = _measured(request, entry)
    except (Busy, StorageUnavailable):
        raise
    except ImgoptError as error:
        return replace(entry.receipt, state="unmeasurable", reason=error.message)
    seconds = {**entry.receipt.seconds, "measure": found.seconds}
    state: State = "unmeasurable" if found.scores is None else "measured"
    return replace(entry.receipt, state=state, scores=found.scores, reason=found.reason, seconds=seconds)


def _measured(request: VariantRequest, entry: Entry) -> Measured:
    render = request.render
    if request.mark is not None:
        render = replace(render, mark=blob_source(request.mark.blob))
    source = blob_source(request.master.blob)
    return render_pool().measure(source, render, entry.body, entry.format, weight=weight_of(request))


def _this(variant: Variant) -> QuerySet[Variant]:
    return Variant.objects.filter(id=variant.id, etag=variant.etag, created_at=variant.created_at, is_pending=True)


def _record(variant: Variant, receipt: Receipt) -> bool:
    with transaction.atomic():
        if not _this(variant).update(is_pending=False):
            return False
        receipts.record(
            [
                receipts.Noted(
                    key=variant.key,
                    digest=variant.digest,
                    format=variant.format,
                    width=variant.width,
                    height=variant.height,
                    byte_size=variant.byte_size,
                    receipt=receipt,
                    created_at=variant.created_at,
                )
            ]
        )
    return True
