"""Purging: everything cached of a master goes, here at once, in the other processes within their next pulse."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.dispatch import receiver
from django.utils import timezone

from assets.models import Blob, Master
from assets.signals import master_changed
from delivery.hits import HITS
from delivery.models import Purge
from delivery.recent import RECENT
from delivery.service import service

# Long after every process has heard of it.
KEEP = timedelta(hours=1)
# More purges than can be under way at one moment.
OVERLAP = 100

_published_here: set[int] = set()


def purge_master(master: Master) -> None:
    """This will forget all variants of a master in all tiers of all processes."""
    publish(master.id, [master.blob.digest])


def publish(master_id: uuid.UUID, digests: Iterable[str]) -> None:
    stale = list(digests)
    Purge.objects.filter(created_at__lt=timezone.now() - KEEP).delete()
    _forget(master_id)  # what is being rendered now is not kept
    for digest in stale:
        service().purge(digest)
    _forget(master_id)  # nor what was found in a tier that had still to be purged
    # Last, or another process could fill its memory again from such a tier.
    _published_here.add(Purge.objects.create(master_id=master_id, digests=stale).id)


def _forget(master_id: uuid.UUID) -> None:
    RECENT.forget()
    HITS.purge(master_id)


@receiver(master_changed)
def _on_master_changed(master_id: uuid.UUID, digests: list[str], **_: Any) -> None:
    publish(master_id, digests)


def _purge_here(digest: str) -> None:
    """What this process has rendered of a deleted master, until it heard of the deletion, lies in the shared tiers."""
    if Blob.objects.filter(digest=digest).exists():
        service().memory.purge(digest)
    else:
        service().purge(digest)


class PurgeReader:
    """Reads what other processes have purged and applies it here.

    PostgreSQL may show a purge before one of a lower number, whose transaction ends later; so the last `OVERLAP`
    numbers are looked at again each time.
    """

    def __init__(self) -> None:
        newest = Purge.objects.order_by("-id").values_list("id", flat=True).first()
        self._last_id = newest or 0
        self._applied = {purge.id for purge in self._recent()}

    def apply(self) -> None:
        recent = {purge.id: purge for purge in self._recent()}
        for number in recent.keys() - self._applied - _published_here:
            _forget(recent[number].master_id)
            for digest in recent[number].digests:
                _purge_here(digest)
            _forget(recent[number].master_id)
        self._applied = set(recent)
        self._last_id = max(self._applied, default=self._last_id)
        _published_here.intersection_update(recent)

    def _recent(self) -> QuerySet[Purge]:
        return Purge.objects.filter(id__gt=self._last_id - OVERLAP).order_by("id")
