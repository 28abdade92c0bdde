"""Purging: everything cached of a master goes, here at once, in the other processes within their next pulse."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.dispatch import receiver
from django.utils import timezone

from assets.models import Master
from assets.signals import master_changed
from delivery.hits import HITS
from delivery.models import Purge
from delivery.service import service

# Long after every process has heard of it.
KEEP = timedelta(hours=1)


def purge_master(master: Master) -> None:
    """This will forget all variants of a master in all tiers of all processes."""
    publish(master.id, [master.blob.digest])


def publish(master_id: uuid.UUID, digests: Iterable[str]) -> None:
    stale = list(digests)
    Purge.objects.filter(created_at__lt=timezone.now() - KEEP).delete()
    Purge.objects.create(master_id=master_id, digests=stale)
    for digest in stale:
        service().purge(digest)
    HITS.purge(master_id)


@receiver(master_changed)
def _on_master_changed(master_id: uuid.UUID, digests: list[str], **_: Any) -> None:
    publish(master_id, digests)


class PurgeReader:
    """Reads what other processes have purged and applies it to this one's memory."""

    def __init__(self) -> None:
        newest = Purge.objects.order_by("-id").values_list("id", flat=True).first()
        self._last_id = newest or 0

    def apply(self) -> None:
        for purge in Purge.objects.filter(id__gt=self._last_id).order_by("id"):
            for digest in purge.digests:
                service().memory.purge(digest)
            HITS.purge(purge.master_id)
            self._last_id = purge.id
