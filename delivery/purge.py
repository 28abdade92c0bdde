"""Purging: everything cached of a master goes, here at once, in the other processes with their next pulse, and where a
Redis tells them of it at once too."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from django.conf import settings
from django.db.models import QuerySet
from django.db.models.functions import Left
from django.dispatch import receiver
from django.utils import timezone

from assets.masters_cache import forget_copy
from assets.models import Blob, Master
from assets.names import TAG
from assets.signals import master_changed
from delivery import broadcast
from delivery.hits import HITS
from delivery.later import Later
from delivery.models import Purge, Variant
from delivery.recent import RECENT
from delivery.records import RECORDS
from delivery.service import service
from delivery.signals import purging
from metrics import learning, receipts
from pipeline.errors import BadParameter
from pipeline.params import shown

if TYPE_CHECKING:
    from delivery.tiers.shared import SharedTier

log = structlog.get_logger("delivery.purge")

# Long after every process has heard of it.
KEEP = timedelta(hours=1)
# By so much the clocks of two machines may differ.
CLOCKS_APART = timedelta(minutes=1)
# More purges than can be under way at one moment.
OVERLAP = 100
# Masters of one row: 50 KB of JSON, and as many names in one query as SQLite takes.
BATCH = 500
KEY_START = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9_~/-]{0,199}")
ORIGIN = re.compile(r"[a-z0-9][a-z0-9_-]{0,49}")

_published_here: set[int] = set()
_LATER = Later("imgopt-purge")


def purge_master(master: Master) -> None:
    """This will forget all variants of a master in all tiers of all processes."""
    publish([master.id], [master.blob.digest])


def purge_masters(masters: QuerySet[Master]) -> int:
    """This will purge many masters, a few queries for every 500 of them, and give their number."""
    # Read to the end first: an open cursor would keep SQLite from writing as soon as another process has written.
    found = list(masters.order_by().values_list("id", "blob__digest"))
    for start in range(0, len(found), BATCH):
        batch = found[start : start + BATCH]
        publish([master_id for master_id, _ in batch], sorted({digest for _, digest in batch}))
    return len(found)


def masters_under(prefix: str) -> QuerySet[Master]:
    """This will find the masters whose key begins so, or, as in `@shop/summer/`, those of an origin's path."""
    origin, _, path = prefix.removeprefix("@").partition("/")
    if prefix.startswith("@") and ORIGIN.fullmatch(origin) and path.isprintable():
        return _beginning(Master.objects.filter(origin=origin), "origin_path", path)
    if not KEY_START.fullmatch(prefix):
        raise BadParameter(f"Expected the beginning of a key such as products/ for prefix, received {shown(prefix)}.")
    return _beginning(Master.objects.all(), "key", prefix)


def masters_tagged(tag: str) -> QuerySet[Master]:
    if not TAG.fullmatch(tag):
        raise BadParameter(f"Expected a tag of the characters a-z, 0-9, - and _ for tag, received {shown(tag)}.")
    return Master.objects.filter(tags__name=tag)


def _beginning(masters: QuerySet[Master], field: str, prefix: str) -> QuerySet[Master]:
    """SQLite's LIKE, which finds them by the index, is deaf to case."""
    found = masters.filter(**{f"{field}__startswith": prefix})
    return found.annotate(start=Left(field, len(prefix))).filter(start=prefix) if prefix else found


def was_purged_since(digest: str, moment: datetime) -> bool:
    """Whether somebody has purged these bytes since, which is known for an hour."""
    return any(digest in purge.digests for purge in Purge.objects.filter(created_at__gt=moment))


def publish(master_ids: Sequence[uuid.UUID], digests: Iterable[str]) -> None:
    stale, begun_at = list(digests), timezone.now()
    Purge.objects.filter(created_at__lt=timezone.now() - KEEP).delete()
    _forget(master_ids)  # what is being rendered now is not kept
    purging.send(sender=Purge, digests=stale)  # nor what workers make of it
    service().purge(*stale)
    _forget(master_ids)  # nor what was found in a tier that had still to be purged
    _unrecord(stale, before=begun_at)
    # Last, or another process could fill its memory again from such a tier.
    row = Purge.objects.create(master_ids=[str(master_id) for master_id in master_ids], digests=stale)
    _published_here.add(row.id)
    broadcast.tell(master_ids, stale)


def _forget(master_ids: Iterable[uuid.UUID]) -> None:
    RECENT.forget()
    for master_id in master_ids:
        HITS.purge(master_id)


def _unrecord(digests: Sequence[str], *, before: datetime) -> None:
    RECORDS.forget(digests, before=before)
    Variant.objects.filter(digest__in=digests, created_at__lt=before).delete()
    receipts.forget(digests, before=before)
    learning.forget(digests)


@receiver(master_changed)
def _on_master_changed(master_id: uuid.UUID, digests: list[str], **_: Any) -> None:
    publish([master_id], digests)


def _purge_here(purge: Purge) -> None:
    """What this process has rendered of a deleted master, until it heard of the deletion, lies in the shared tiers.

    A bucket that hangs takes seconds for each purge. Whoever reads purges also reads which signing keys are revoked, so
    that is waited for by nobody.
    """
    kept = set(Blob.objects.filter(digest__in=purge.digests).values_list("digest", flat=True))
    service().memory.purge(*purge.digests)
    gone = [digest for digest in purge.digests if digest not in kept]
    if settings.CONFIG.storage == "s3":
        _LATER.do(partial(service().purge, *gone))
    else:
        service().purge(*gone)
    for digest in gone:
        forget_copy(digest)
    if purge.digests:
        _unrecord(purge.digests, before=purge.created_at)  # this process may have written some down meanwhile


def forget_here(master_ids: Sequence[uuid.UUID], digests: Sequence[str]) -> None:
    """This will make this process forget what another one has purged from the shared tiers."""
    _forget(master_ids)
    service().memory.purge(*digests)
    _forget(master_ids)


def repeat_in_redis() -> None:
    """This will purge once more in Redis what was purged while it failed: it may come back with all it had."""
    shared = service().shared
    troubled_at = None if shared is None else shared.breaker.troubled_at
    if shared is None or troubled_at is None or not shared.answers():
        return
    from redis import RedisError

    try:
        _repeat(shared, troubled_at)
    except RedisError as error:  # with the next beat; what else that one has to do does not wait for Redis
        log.warning("purges not repeated in Redis", error=repr(error)[:200])
    else:
        shared.breaker.settle(troubled_at)


def _repeat(shared: SharedTier, troubled_at: float) -> None:
    since = datetime.fromtimestamp(troubled_at, UTC) - CLOCKS_APART
    if since < timezone.now() - KEEP:
        shared.clear()  # the rows are not kept for as long
    for purge in Purge.objects.filter(created_at__gte=since).iterator():
        shared.purge(*purge.digests)


class PurgeReader:
    """Reads what other processes have purged and applies it here.

    PostgreSQL may show a purge before one of a lower number, whose transaction ends later; so the last `OVERLAP`
    numbers are looked at again each time.
    """

    def __init__(self) -> None:
        newest = Purge.objects.order_by("-id").values_list("id", flat=True).first()
        self._last_id = newest or 0
        self._applied = self._recent()

    def apply(self) -> None:
        recent = self._recent()
        for purge in _read(recent - self._applied - _published_here):
            master_ids = [uuid.UUID(text) for text in purge.master_ids]
            _forget(master_ids)
            _purge_here(purge)
            _forget(master_ids)
        self._applied = recent
        self._last_id = max(self._applied, default=self._last_id)
        _published_here.intersection_update(recent)

    def _recent(self) -> set[int]:
        """Only the numbers: a row of many masters has 50 KB."""
        return set(Purge.objects.filter(id__gt=self._last_id - OVERLAP).values_list("id", flat=True))


def _read(numbers: set[int]) -> Iterator[Purge]:
    for number in sorted(numbers):
        yield from Purge.objects.filter(id=number)
