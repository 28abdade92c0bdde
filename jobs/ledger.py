"""The ledger's moves. Each is one conditional update, so whoever comes second changes nothing.

    waiting ──claim──▶ running ──finish──▶ done
       ▲                  ├──fail──▶ waiting (again, later) or failed (no attempt left)
       ├──hand back───────┤
       ├──lease over──────┘
       └──retry── failed, cancelled                cancel: waiting, running ──▶ cancelled

A claim is a token. Finishing, progress and heartbeats name it; where another claim, a cancellation or the end of the
lease has taken it away they raise `LeaseLost`, and what was to be written with them is not.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from jobs import signals
from jobs.causes import with_cause
from jobs.engines import announce
from jobs.errors import LeaseLost
from jobs.kinds import KINDS, get_kind
from jobs.models import LIVE, Batch, Job, State

LOST = "The worker was lost while it worked on this job."
CANCELLED = "It was cancelled."
GONE = {"token": None, "lease_until": None}


def enqueue(
    kind: str,
    payload: dict[str, Any],
    *,
    priority: int = 0,
    run_at: datetime | None = None,
    key: str | None = None,
    batch: Batch | None = None,
    max_attempts: int | None = None,
) -> Job:
    """This will write a job down, within the caller's transaction if there is one; workers see it after the commit.

    With a `key` that a job has already, that one is returned and nothing is written.
    """
    row = get_kind(kind)
    job = Job(
        kind=kind,
        queue=row.queue,
        payload=with_cause(payload),
        priority=priority,
        run_at=run_at or timezone.now(),
        idempotency_key=key,
        batch=batch,
        max_attempts=max_attempts or row.max_attempts,
    )
    if key is not None and (known := Job.objects.filter(idempotency_key=key).first()):
        return known
    try:
        with transaction.atomic():
            job.save(force_insert=True)
    except IntegrityError:
        known = Job.objects.filter(idempotency_key=key).first() if key is not None else None
        if known is None:
            raise
        return known  # another process was first with this key
    announce([job])
    return job


def enqueue_many(kind: str, payloads: Collection[dict[str, Any]], *, batch: Batch | None, priority: int = 0) -> None:
    """This will write many jobs down in a few statements."""
    row, now = get_kind(kind), timezone.now()
    jobs = [
        Job(
            kind=kind,
            queue=row.queue,
            payload=with_cause(payload),
            priority=priority,
            run_at=now,
            batch=batch,
            max_attempts=row.max_attempts,
        )
        for payload in payloads
    ]
    Job.objects.bulk_create(jobs, batch_size=500)
    announce(jobs)


def claim(queues: Collection[str], *, worker: str, lease_seconds: float, now: datetime | None = None) -> Job | None:
    """This will take the first due job of the first of these queues that has one, or give `None`.

    Idle workers only read: the write lock of SQLite is asked for when there is something to take. Queue by queue,
    because only within one does the index have the order; 100,000 waiting jobs would be sorted for each claim.
    """
    moment = now or timezone.now()
    for queue in queues:
        due = _due(queue, moment)
        if not due.exists():
            continue
        with transaction.atomic():
            job = _locked(due).first()
            taken = None if job is None else _take(job, worker, lease_seconds, moment)
        if taken is not None:
            return taken
    return None


def claim_one(job_id: uuid.UUID, *, worker: str, lease_seconds: float, now: datetime | None = None) -> Job | None:
    """This will take one job if it is due and still waiting; a broker may have brought its id twice.

    What has been announced was due by somebody's clock, and that counts where this one is behind.
    """
    moment = now or timezone.now()
    due = Job.objects.filter(Q(run_at__lte=moment) | Q(announced_at__isnull=False), id=job_id, state=State.WAITING)
    if not due.exists():
        return None
    with transaction.atomic():
        job = _locked(due).first()
        return None if job is None else _take(job, worker, lease_seconds, moment)


def _locked(jobs: QuerySet[Job]) -> QuerySet[Job]:
    """Without those that another worker is just taking; SQLite's transactions are one after another anyway."""
    skips = connection.features.has_select_for_update_skip_locked
    return jobs.select_for_update(skip_locked=True) if skips else jobs


def _due(queue: str, moment: datetime) -> QuerySet[Job]:
    found = Job.objects.filter(state=State.WAITING, queue=queue, run_at__lte=moment)
    return found.order_by("-priority", "run_at", "id")


def _take(job: Job, worker: str, lease_seconds: float, moment: datetime) -> Job | None:
    """The attempt is counted now: a job that takes its worker down with it must not be tried without end."""
    taken = Job.objects.filter(id=job.id, state=State.WAITING).update(
        state=State.RUNNING,
        attempts=F("attempts") + 1,
        token=(token := uuid.uuid4()),
        lease_until=(until := moment + timedelta(seconds=lease_seconds)),
        claimed_at=moment,
        worker=worker[:100],
    )
    if not taken:
        return None
    job.state, job.token, job.lease_until, job.claimed_at = State.RUNNING, token, until, moment
    job.attempts += 1
    if job.kind in KINDS and KINDS[job.kind].is_told:
        signals.job_started.send(sender=Job, job=job)
    return job


def heartbeat(job_id: uuid.UUID, token: uuid.UUID | None, *, lease_seconds: float, now: datetime | None = None) -> None:
    """This will prolong the lease."""
    _by_token(job_id, token, lease_until=(now or timezone.now()) + timedelta(seconds=lease_seconds))


def has_claim(job: Job) -> bool:
    """Whether the claim that this job was taken by still counts."""
    return Job.objects.filter(id=job.id, state=State.RUNNING, token=job.token).exists()


def save_progress(job: Job, *, progress: float | None = None, result: dict[str, Any] | None = None) -> None:
    """This will write down what has been done so far."""
    changes: dict[str, Any] = {}
    if progress is not None:
        changes["progress"] = job.progress = min(max(progress, 0.0), 1.0)
    if result is not None:
        changes["result"] = job.result = result
    _update(job, **changes)


def finish(job: Job, *, result: dict[str, Any] | None = None) -> None:
    """This will end a job well."""
    kept = job.result if result is None else result
    _end(job, state=State.DONE, progress=1.0, result=kept, error="", detail="")


def fail(
    job: Job,
    error: str,
    *,
    detail: str = "",
    again: bool = True,
    after_seconds: float = 0.0,
    now: datetime | None = None,
) -> None:
    """This will have the job tried again later; without an attempt left, or not `again`, it ends with its reason.

    Later is what the kind's backoff says, and not before `after_seconds`.
    """
    if again and job.attempts < job.max_attempts:
        moment = now or timezone.now()
        pause = get_kind(job.kind).backoff.seconds(job.attempts) if job.kind in KINDS else 60.0
        later = moment + timedelta(seconds=max(pause, after_seconds))
        with transaction.atomic():
            _update(job, state=State.WAITING, run_at=later, announced_at=None, error=error, detail=detail, **GONE)
            announce([job])
        return
    _end(job, state=State.FAILED, error=error, detail=detail)


def postpone(job: Job, until: datetime) -> None:
    """This will have a job that was taken wait, as if nobody had taken it."""
    with transaction.atomic():
        changes = {"state": State.WAITING, "attempts": job.attempts - 1, "run_at": until, "announced_at": None}
        _update(job, **changes, **GONE)
        announce([job])


def move(jobs: QuerySet[Job], run_at: datetime) -> int:
    """This will have those of these jobs that wait become due at another time, and give their number.

    One that is being taken in this moment is left alone.
    """
    with transaction.atomic():
        waiting = jobs.select_for_update(skip_locked=True, of=("self",)).filter(state=State.WAITING).order_by("id")
        ids = list(waiting.values_list("id", flat=True))
        for start in range(0, len(ids), 500):
            some = Job.objects.filter(id__in=ids[start : start + 500])
            some.update(run_at=run_at, announced_at=None)
            if run_at <= timezone.now():  # a broker is not to carry what waits
                announce(list(some))
    return len(ids)


def hand_back(job: Job, token: uuid.UUID | None) -> None:
    """This will let another worker begin at once, as if this one had not; whatever was saved of it stays."""
    with transaction.atomic():
        _by_token(job.id, token, state=State.WAITING, attempts=F("attempts") - 1, announced_at=None, **GONE)
        announce([job])


def release_lost(now: datetime | None = None) -> int:
    """This will take the jobs of lost workers away from them; each goes on, or ends where no attempt is left."""
    moment = now or timezone.now()
    overdue = Job.objects.filter(state=State.RUNNING, lease_until__lt=moment)
    released = 0
    for job_id in list(overdue.values_list("id", flat=True)[:500]):
        with transaction.atomic():
            # Looked at again under its lock: the worker may have come back with a heartbeat.
            job = overdue.select_for_update(of=("self",)).filter(id=job_id).first()
            if job is not None:
                fail(job, LOST, now=moment)
                released += 1
    return released


def cancel(job: Job) -> bool:
    """This will end a job that is waiting or running; a worker on it hears of it at its next heartbeat or step."""
    return _cancel(Job.objects.filter(id=job.id)) == 1


def cancel_batch(batch: Batch) -> int:
    """This will cancel what has not ended, and give the number."""
    return _cancel(batch.jobs.all())


def cancel_many(jobs: QuerySet[Job]) -> int:
    """This will cancel those of these jobs that have not ended, and give their number."""
    return _cancel(jobs)


def find_newest(key_start: str) -> Job | None:
    """This will find the job that was written down last of those whose idempotency key begins so."""
    if connection.vendor == "sqlite":  # by the index of the keys, to which its LIKE is deaf
        beyond = key_start[:-1] + chr(ord(key_start[-1]) + 1)
        found = Job.objects.filter(idempotency_key__gte=key_start, idempotency_key__lt=beyond)
    else:
        found = Job.objects.filter(idempotency_key__startswith=key_start)
    return found.order_by("-created_at", "-id").first()


def retry(job: Job) -> bool:
    """This will begin a job that failed or was cancelled anew, with all its attempts; what was saved of it stays."""
    with transaction.atomic():
        begun = Job.objects.filter(id=job.id, state__in=(State.FAILED, State.CANCELLED)).update(
            state=State.WAITING,
            attempts=0,
            run_at=timezone.now(),
            finished_at=None,
            announced_at=None,
            error="",
            detail="",
        )
        if begun and job.batch_id:
            Batch.objects.filter(id=job.batch_id).update(finished_at=None)
        if begun:
            announce([job])
    return bool(begun)


def _cancel(jobs: QuerySet[Job]) -> int:
    with transaction.atomic():
        live = list(jobs.select_for_update(of=("self",)).filter(state__in=LIVE).order_by("id"))
        changes = {"state": State.CANCELLED, "finished_at": timezone.now(), "error": CANCELLED, **GONE}
        for start in range(0, len(live), 500):
            Job.objects.filter(id__in=[job.id for job in live[start : start + 500]]).update(**changes)
        for job in live:
            _become(job, changes)
            _tell(job)
        for batch_id in {job.batch_id for job in live if job.batch_id}:
            _settle(batch_id)
    return len(live)


def _end(job: Job, **changes: Any) -> None:
    with transaction.atomic():
        _update(job, finished_at=timezone.now(), **changes, **GONE)
        _tell(job)
        if job.batch_id:
            _settle(job.batch_id)


def _tell(job: Job) -> None:
    if job.kind in KINDS and KINDS[job.kind].is_told:
        signals.job_ended.send(sender=Job, job=job)


def _settle(batch_id: uuid.UUID) -> None:
    """The batch's row is locked first: of two last jobs that end together, one must see the other."""
    batch = Batch.objects.select_for_update().get(id=batch_id)
    if batch.finished_at is None and not batch.jobs.filter(state__in=LIVE).exists():
        batch.finished_at = timezone.now()
        batch.save(update_fields=["finished_at"])
        signals.batch_ended.send(sender=Batch, batch=batch)


def _update(job: Job, **changes: Any) -> None:
    _by_token(job.id, job.token, **changes)
    _become(job, changes)


def _by_token(job_id: uuid.UUID, claimed_as: uuid.UUID | None, **changes: Any) -> None:
    """The one way to change a claimed job."""
    if not Job.objects.filter(id=job_id, state=State.RUNNING, token=claimed_as).update(**changes):
        raise LeaseLost


def _become(job: Job, changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        setattr(job, name, value)
