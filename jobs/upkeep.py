"""Periodic work without a second daemon: every worker writes down what is due, under a key that only one can have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings
from django.utils import timezone

from delivery import pruning
from jobs import ledger, measuring
from jobs.claim import Claim
from jobs.kinds import kind
from jobs.models import ENDED, Batch, Job

log = structlog.get_logger("jobs.upkeep")

PRUNE_AT_ONCE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Periodic:
    kind: str
    every_seconds: int
    is_wanted: Callable[[], bool] = lambda: True
    """Asked once a period; a `False` leaves it out."""

    def key(self, now: datetime) -> str:
        """The period that `now` lies in.

        >>> from datetime import UTC
        >>> Periodic(kind="prune", every_seconds=3600).key(datetime(1970, 1, 1, 2, 30, tzinfo=UTC))
        'prune@2'
        """
        return f"{self.kind}@{int(now.timestamp()) // self.every_seconds}"


SCHEDULE: Final[list[Periodic]] = [
    Periodic(kind="prune", every_seconds=3600),
    Periodic(kind="prune_outbox", every_seconds=3600),
    Periodic(kind="prune_storage", every_seconds=86_400),
    Periodic(kind=measuring.KIND, every_seconds=measuring.EVERY_SECONDS, is_wanted=measuring.is_wanted),
]

_written: set[str] = set()


def enqueue_due(now: datetime | None = None) -> None:
    """This will write down the periodic jobs of this moment; it asks the database once a period and process."""
    keys = {one.key(now or timezone.now()): one for one in SCHEDULE}
    for key, periodic in keys.items():
        if key not in _written and periodic.is_wanted():
            ledger.enqueue(periodic.kind, {}, key=key)
    _written.intersection_update(keys)
    _written.update(keys)


@kind("prune", queue="upkeep")
def prune(claim: Claim) -> None:
    """This will remove jobs and batches that ended longer ago than they are kept."""
    before = timezone.now() - timedelta(days=settings.CONFIG.jobs_keep_days)
    removed = 0
    old = Job.objects.filter(state__in=ENDED, finished_at__lt=before, batch=None)
    while ids := list(old.values_list("id", flat=True)[:PRUNE_AT_ONCE]):
        removed += Job.objects.filter(id__in=ids).delete()[0]
        claim.check()
    for batch in Batch.objects.filter(finished_at__lt=before):
        removed += batch.delete()[0]
        claim.check()
    with claim.finishing(removed=removed):
        pass


@kind("prune_storage", queue="upkeep")
def prune_storage(claim: Claim) -> None:
    """This will remove what nobody needs any more from the storages, this machine's disk and the database."""
    report = pruning.prune(each=lambda _: claim.check())
    with claim.finishing(**report.as_dict()):
        pass
