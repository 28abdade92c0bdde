"""Jobs of the compatible API: begun, found and told. Views only translate into these calls."""

from __future__ import annotations

import uuid
from typing import Any, Final

from assets.masters import known_master
from assets.models import new_id
from assets.names import ID
from jobs import ledger
from jobs.compat.asked import Asked
from jobs.compat.work import KIND
from jobs.errors import JobNotFound
from jobs.models import Job, State

STATUSES: Final = {
    State.WAITING: "pending",
    State.RUNNING: "processing",
    State.DONE: "completed",
    State.FAILED: "failed",
    State.CANCELLED: "failed",
}


def begin(asked: Asked) -> Job:
    """This will write a job down, or raise `MasterNotFound`."""
    master = known_master(asked.original_id)
    tasks = [{"id": str(new_id()), "options": dict(option.said)} for option in asked.options]
    return ledger.enqueue(KIND, {"master": str(master.id), "tasks": tasks})


def get_job(job_id: str) -> Job:
    """This will give a job of this API, or raise `JobNotFound`; other work is not told of here."""
    job = Job.objects.filter(id=uuid.UUID(job_id), kind=KIND).first() if ID.fullmatch(job_id) else None
    if job is None:
        raise JobNotFound
    return job


def document(job: Job) -> dict[str, Any]:
    """This will tell of a job in the API's words, and of each copy what it measures, where that is known."""
    status, made = STATUSES[State(job.state)], job.result.get("variants", {})
    receipts = job.result.get("receipts", {})
    tasks = [
        {
            **task,
            "variantID": made.get(task["id"]),
            **({"receipt": receipts[task["id"]]} if task["id"] in receipts else {}),
        }
        for task in job.payload["tasks"]
    ]
    return {
        "id": str(job.id),
        "status": status,
        "originalID": job.payload["master"],
        "tasks": tasks,
        "createdAt": job.created_at,
        **({"lockedAt": job.claimed_at} if job.claimed_at and status != "pending" else {}),
        **({"reason": job.error} if status == "failed" else {}),
    }
