"""The final of a draft that was answered: made in the background, and put in the draft's place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any, Final

import structlog
from django.db import Error, connection
from django.dispatch import receiver
from django.utils import timezone

from assets.errors import MasterNotFound
from assets.masters import known_master
from assets.models import Master
from delivery import counters
from delivery.comparing import compared
from delivery.entry import Entry
from delivery.presets import pairs_of
from delivery.purge import was_purged_since
from delivery.records import record_of
from delivery.service import service
from delivery.signals import final_wanted, purging
from delivery.variants import VariantRequest, variant_request
from jobs import ledger
from jobs.claim import Claim
from jobs.errors import LeaseLost
from jobs.kinds import kind
from jobs.models import LIVE, Job, State
from jobs.notifications.telling import tell_final
from pipeline.errors import BadParameter
from pipeline.params import canonical, parse

log = structlog.get_logger("jobs.refining")

KIND: Final = "refine"
QUEUE: Final = "renders"
PRIORITY: Final = -1
"""Behind what somebody waits for, before ladders and batches: a page shows the draft meanwhile."""
REST: Final = timedelta(minutes=5)
"""A draft without a final, which is still asked for, gets another job so long after the last one has ended."""


class Outdated(Exception):
    """The master is another one by now."""


@receiver(final_wanted)
def write_down(request: VariantRequest, **_: Any) -> bool:
    """This will have the final made, and say whether that is in the ledger for good."""
    try:
        _enqueue(request)
    except Error as error:
        log.warning("ledger away", key=request.key.name, error=repr(error)[:200])
        if not connection.in_atomic_block:
            connection.close()
        return False
    return True


def payload_of(request: VariantRequest) -> dict[str, Any]:
    said = request.unresolved
    return {
        "master": str(request.master.id),
        "params": canonical(said.spec),
        "accepted": list(said.accepted),
        "saveData": said.save_data,
        "key": request.key.name,
    }


def find_request(payload: Mapping[str, Any]) -> VariantRequest | None:
    """This will make the request anew, or give `None` where it would be another variant by now, or none."""
    try:
        request = variant_request(
            known_master(payload["master"]),
            parse(pairs_of(payload["params"])),
            tuple(payload["accepted"]),
            save_data=payload["saveData"],
        )
    except (MasterNotFound, BadParameter):
        return None
    return request if request.key.name == payload["key"] else None


@kind(KIND, queue=QUEUE)
def refine(claim: Claim) -> None:
    """This will make a final, unless it is there: a client may have waited for it, or an attempt died after storing."""
    request = find_request(claim.payload)
    try:
        if request is None:
            raise Outdated
        # Where it is not known yet in which format this master is smallest, all are made now: the next request for
        # the draft may be given another one.
        compared(request, request.unresolved.accepted, is_current=partial(_may_keep, claim, request.master))
        service().finalise(request, keeping=partial(_taking_its_place, claim, request), personal=(LeaseLost, Outdated))
    except Outdated:
        with claim.finishing(outdated=True):
            pass


@contextmanager
def _taking_its_place(claim: Claim, request: VariantRequest, entry: Entry) -> Iterator[None]:
    """What is stored inside is stored by whoever has the claim: a purge that has voided the job comes before it or
    after it, and then finds it."""
    master, seconds = request.master, sum(entry.receipt.seconds.values())
    with claim.finishing(etag=entry.etag.strip('"')):
        if not _is_current(master):
            raise Outdated
        tell_final(master, record_of(request, entry, seconds=seconds, passthrough=entry.receipt.passthrough).write())
        yield
    counters.DRAFT_SECONDS.labels(entry.format).observe((timezone.now() - claim.job.created_at).total_seconds())


def _may_keep(claim: Claim, master: Master) -> bool:
    return not claim.is_lost and ledger.has_claim(claim.job) and _is_current(master)


def _is_current(master: Master) -> bool:
    return Master.objects.filter(id=master.id, blob_id=master.blob_id, revision=master.revision).exists()


@receiver(purging)
def void(digests: Sequence[str], **_: Any) -> None:
    """This will cancel what is being made of these bytes; the next draft of them has a job of its own."""
    gone = frozenset(digests)
    live = Job.objects.filter(state__in=LIVE, kind=KIND, queue=QUEUE, priority=PRIORITY).order_by()
    ids = [
        job_id
        for job_id, key in live.values_list("id", "idempotency_key")
        if key is not None and key.split(":")[1] in gone
    ]
    if ids:
        ledger.cancel_many(Job.objects.filter(id__in=ids))


def _enqueue(request: VariantRequest) -> None:
    """Processes that come here at once find the same newest job, and only one of them can have the next key."""
    start = f"{KIND}:{request.key.digest}:{request.key.name}:"
    newest = ledger.find_newest(start)
    if newest is not None and not _is_over(newest, request.key.digest):
        return
    number = 1 if newest is None else int(str(newest.idempotency_key).removeprefix(start)) + 1
    ledger.enqueue(KIND, payload_of(request), key=f"{start}{number}", priority=PRIORITY)


def _is_over(job: Job, digest: str) -> bool:
    """Whether another may follow. One that failed, or whose final got lost, is not tried again with every request.

    What came to nothing says nothing of this draft: a purge cancels jobs before it is written down itself, and where
    formats were compared meanwhile, the draft of another one is outdated for one client and not for the next.
    """
    if job.finished_at is None:
        return False
    if job.state == State.CANCELLED or "outdated" in job.result:
        return True
    return job.finished_at < timezone.now() - REST or was_purged_since(digest, job.finished_at)
