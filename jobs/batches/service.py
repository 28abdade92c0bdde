"""Batches begun, counted and cancelled. Views, commands and the admin only translate into these calls."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Avg, Count, QuerySet

from assets.masters import known_master
from assets.models import Master
from delivery.purge import masters_tagged, masters_under
from jobs import ledger
from jobs.batches.spec import BatchSpec
from jobs.batches.work import KIND
from jobs.errors import JobNotFound
from jobs.models import ENDED, Batch, Job, State
from pipeline.errors import BadParameter
from pipeline.params import shown

MAX_MASTERS = 100_000
NAME_LENGTH = 200
PRIORITY = -2
"""A whole library waits behind what somebody asked for by itself, and behind the finals of what is shown."""
CHOICES = ("images", "prefix", "tag", "all")


def selected(said: Mapping[str, Any]) -> QuerySet[Master] | list[Master]:
    """This will find the masters that are meant by one of `images` (ids or keys), `prefix`, `tag` and `all`."""
    chosen = [name for name in CHOICES if said.get(name)]
    if len(chosen) != 1:
        raise BadParameter(
            f"Expected one of {', '.join(CHOICES)}, received {' and '.join(chosen) if chosen else 'none of them'}."
        )
    value = said[chosen[0]]
    match chosen[0]:
        case "images":
            if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
                raise BadParameter("Expected a list of ids or keys for images.")
            if len(value) > MAX_MASTERS:
                raise BadParameter(f"Expected at most {MAX_MASTERS:,} images, received {len(value):,}.")
            return [known_master(reference) for reference in dict.fromkeys(value)]
        case "all":
            if value is not True:
                raise BadParameter("Expected true for all.")
            return Master.objects.all()
    if not isinstance(value, str):
        raise BadParameter(f"Expected a text for {chosen[0]}.")
    return masters_under(value) if chosen[0] == "prefix" else masters_tagged(value)


def begin(masters: QuerySet[Master] | Sequence[Master], spec: BatchSpec, *, name: str = "") -> Batch:
    """This will write down a batch with a job for each master."""
    if not isinstance(name, str) or len(name) > NAME_LENGTH or not name.isprintable():
        received = shown(str(name))
        raise BadParameter(f"Expected at most {NAME_LENGTH} printable characters for name, received {received}.")
    ids: Iterable[uuid.UUID]
    if isinstance(masters, QuerySet):
        ids = masters.order_by("id").values_list("id", flat=True)[: MAX_MASTERS + 1]
    else:
        ids = [master.id for master in masters]
    payloads = [{"master": str(master_id), "spec": spec.as_json()} for master_id in ids]
    if not payloads:
        raise BadParameter("Expected at least one image in a batch, found none.")
    if len(payloads) > MAX_MASTERS:
        raise BadParameter(f"Expected at most {MAX_MASTERS:,} images in a batch, found more.")
    with transaction.atomic():
        batch = Batch.objects.create(name=name, spec=spec.as_json())
        ledger.enqueue_many(KIND, payloads, batch=batch, priority=PRIORITY)
    return batch


def get_batch(batch_id: str) -> Batch:
    """This will give a batch, or raise `JobNotFound`."""
    try:
        batch = Batch.objects.filter(id=uuid.UUID(batch_id)).first()
    except ValueError:
        batch = None
    if batch is None:
        raise JobNotFound("Batch not found")
    return batch


def summaries(batches: Iterable[Batch]) -> dict[uuid.UUID, dict[str, Any]]:
    """This will count what has come of the jobs of some batches, in one query."""
    found: dict[uuid.UUID, dict[str, Any]] = {
        batch.id: {"total": 0, **{str(state): 0 for state in State}, "progress": 0.0} for batch in batches
    }
    rows = Job.objects.filter(batch__in=list(found)).values("batch", "state")
    for row in rows.annotate(number=Count("id"), share=Avg("progress")).order_by():
        counts = found[row["batch"]]
        counts[row["state"]] = row["number"]
        counts["total"] += row["number"]
        counts["progress"] += row["number"] * (1.0 if row["state"] in ENDED else row["share"])
    for counts in found.values():
        counts["progress"] = round(counts["progress"] / counts["total"], 4) if counts["total"] else 1.0
    return found


def status_of(batch: Batch, counts: Mapping[str, Any]) -> str:
    """This will say how a batch stands, in the words of the job API."""
    if batch.finished_at is None:
        begun = counts["total"] > counts[State.WAITING]
        return "processing" if begun else "pending"
    if counts[State.DONE]:
        return "completed"
    return "cancelled" if counts[State.CANCELLED] else "failed"
