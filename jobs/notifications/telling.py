"""What happened, in the words of the compatible API: the ledger's signals become events.

The ledger sends its signals inside the transaction that makes them true, so an event is there exactly when it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db.models import Count
from django.dispatch import receiver
from django.utils import timezone

from assets.models import Master
from delivery.models import Variant
from jobs import signals
from jobs.models import Batch, Job, State
from jobs.notifications.outbox import iso, tell

WORDS: Final[Mapping[str, str]] = {
    State.WAITING: "pending",
    State.RUNNING: "processing",
    State.DONE: "completed",
    State.FAILED: "failed",
    State.CANCELLED: "failed",
}
"""The compatible API knows no cancelled jobs; the type of the event and the reason say that it was."""

ENDS: Final[Mapping[str, str]] = {
    State.DONE: "job.completed",
    State.FAILED: "job.failed",
    State.CANCELLED: "job.cancelled",
}


@receiver(signals.job_started)
def tell_job_started(job: Job, **_: Any) -> None:
    """Once: whether an attempt is the first or a later one is nobody's business but ours."""
    if job.attempts == 1:
        moment = job.claimed_at or timezone.now()
        tell("job.started", str(job.id), job_data(job, moment), at=moment)


@receiver(signals.job_ended)
def tell_job_ended(job: Job, **_: Any) -> None:
    moment = job.finished_at or timezone.now()
    tell(ENDS[job.state], str(job.id), job_data(job, moment), at=moment)


@receiver(signals.batch_ended)
def tell_batch_ended(batch: Batch, **_: Any) -> None:
    moment = batch.finished_at or timezone.now()
    found = {row["state"]: row["count"] for row in batch.jobs.order_by().values("state").annotate(count=Count("id"))}
    counts = {state.value: found.get(state.value, 0) for state in ENDS}  # type: ignore[attr-defined]
    data = {
        "batchId": str(batch.id),
        "name": batch.name,
        "status": "completed",
        "counts": {"total": sum(found.values()), **counts},
        "timestamp": iso(moment),
    }
    tell("batch.completed", str(batch.id), data, at=moment)


def tell_final(master: Master, variant: Variant) -> None:
    """This will tell that the final of a variant has replaced its draft; call it in the transaction that says so."""
    moment = timezone.now()
    data = {
        "masterId": str(master.id),
        "variantKey": variant.key,
        "params": variant.params,
        "format": variant.format,
        "width": variant.width,
        "height": variant.height,
        "byteSize": variant.byte_size,
        "etag": variant.etag,
        "timestamp": iso(moment),
    }
    tell("variant.final", str(master.id), data, at=moment)


def job_data(job: Job, moment: datetime) -> dict[str, Any]:
    """This will say how a job stands. What its kind has not written in the usual places is left empty."""
    payload = job.payload if isinstance(job.payload, dict) else {}
    master = payload.get("master")
    data: dict[str, Any] = {
        "jobId": str(job.id),
        "status": WORDS[job.state],
        "originalId": None if master is None else str(master),
    }
    if job.error and job.state in (State.FAILED, State.CANCELLED):
        data["reason"] = job.error
    return {**data, "variantIds": variant_ids(payload, job.result), "timestamp": iso(moment)}


def variant_ids(payload: Mapping[str, Any], result: Any) -> list[str]:
    """This will give the ids of the masters that a job has made, in the order of its tasks.

    >>> variant_ids({"tasks": [{"id": "b"}, {"id": "a"}]}, {"variants": {"a": "1", "b": "2"}})
    ['2', '1']
    """
    made = result.get("variants") if isinstance(result, dict) else None
    if not isinstance(made, dict):
        return []
    tasks = payload.get("tasks")
    order = [str(task.get("id")) for task in tasks if isinstance(task, dict)] if isinstance(tasks, list) else []
    known = [name for name in order if name in made]
    return [str(made[name]) for name in [*known, *(name for name in made if name not in known)] if made[name]]
