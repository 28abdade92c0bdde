"""Which jobs a broker has been told of. Each is marked before it is sent, so of many senders one sends it.

A mark says little: brokers forget. What is marked and still waits after a while is sent again (`jobs.engines.sweeper`).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from jobs.models import Job, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """All that a broker is told of a job."""

    job_id: uuid.UUID
    queue: str
    priority: int


def mark(job_ids: Sequence[uuid.UUID], *, marked_before: datetime | None = None) -> list[Announcement]:
    """This will mark those of at most 500 jobs that wait, are due, and nobody has marked, or not since `marked_before`.

    Theirs are the announcements to be sent.
    """
    now = timezone.now()
    if not _to_send(now, marked_before).filter(id__in=job_ids).update(announced_at=now):
        return []
    rows = Job.objects.filter(id__in=job_ids, announced_at=now)  # by the microsecond: ours
    found = {
        job_id: Announcement(job_id=job_id, queue=queue, priority=priority)
        for job_id, queue, priority in rows.values_list("id", "queue", "priority")
    }
    return [found[job_id] for job_id in job_ids if job_id in found]


def unmark(announcements: Iterable[Announcement]) -> None:
    """This will have them sent by whoever looks next."""
    ids = [announcement.job_id for announcement in announcements]
    Job.objects.filter(id__in=ids, state=State.WAITING).update(announced_at=None)


def find_unmarked(most: int) -> list[uuid.UUID]:
    """This will give jobs that are due and that no broker knows of, the most urgent first."""
    due = _to_send(timezone.now(), None).order_by("-priority", "run_at", "id")
    return list(due.values_list("id", flat=True)[:most])


def find_overdue(queue: str, marked_before: datetime, most: int) -> list[uuid.UUID]:
    """This will give jobs that were announced before this and still wait, the longest first."""
    overdue = Job.objects.filter(state=State.WAITING, queue=queue, announced_at__lt=marked_before)
    return list(overdue.order_by("announced_at").values_list("id", flat=True)[:most])


def count_marked(marked_before: datetime) -> dict[str, int]:
    """This will give for each queue in which one was announced before this: how many announced jobs wait."""
    marked = Job.objects.filter(state=State.WAITING, announced_at__isnull=False)
    if not marked.filter(announced_at__lt=marked_before).exists():
        return {}
    rows = (
        marked.order_by()
        .values("queue")
        .annotate(number=Count("id"), overdue=Count("id", filter=Q(announced_at__lt=marked_before)))
    )
    return {row["queue"]: row["number"] for row in rows if row["overdue"]}


def _to_send(now: datetime, marked_before: datetime | None) -> QuerySet[Job]:
    mark = Q(announced_at__isnull=True) if marked_before is None else Q(announced_at__lt=marked_before)
    return Job.objects.filter(mark, state=State.WAITING, run_at__lte=now)
