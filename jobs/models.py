"""The ledger: what is to be done in the background, who does it, and what came of it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q

from assets.models import new_id


class State(models.TextChoices):
    """Waiting and running jobs are live; the three others are ends, of which `retry` can make a beginning again."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


LIVE = (State.WAITING, State.RUNNING)
ENDED = (State.DONE, State.FAILED, State.CANCELLED)


class Batch(models.Model):
    """Many jobs that were asked for together. What has come of them is counted from the jobs."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=200, blank=True)
    spec = models.JSONField(default=dict, help_text="What was asked of each master.")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    finished_at = models.DateTimeField(null=True, blank=True, help_text="When the last of its jobs ended.")

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]
        verbose_name_plural = "batches"

    def __str__(self) -> str:
        return self.name or str(self.id)


class Job(models.Model):
    """One piece of work. Only `jobs.ledger` writes these rows, and `jobs.announcements` when they were announced."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=50)
    queue = models.CharField(max_length=50)
    priority = models.SmallIntegerField(default=0, help_text="Higher goes first.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    payload = models.JSONField(default=dict, help_text="What is to be done, as its kind understands it.")
    result = models.JSONField(default=dict, help_text="What has come of it so far.")
    progress = models.FloatField(default=0.0, help_text="0 to 1.")
    error = models.TextField(blank=True, help_text="Why the last attempt failed, in a sentence for the public.")
    detail = models.TextField(blank=True, help_text="The same for engineers.")
    attempts = models.PositiveIntegerField(default=0, help_text="Counted when a worker takes the job.")
    max_attempts = models.PositiveIntegerField(default=3)
    run_at = models.DateTimeField(help_text="Not before this.")
    token = models.UUIDField(null=True, blank=True, help_text="Of the claim; who has another one changes nothing.")
    worker = models.CharField(max_length=100, blank=True, help_text="Host and process of the last claim.")
    lease_until = models.DateTimeField(null=True, blank=True, help_text="After this the worker counts as lost.")
    announced_at = models.DateTimeField(null=True, blank=True, help_text="When its id was last sent to the broker.")
    claimed_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    idempotency_key = models.CharField(max_length=200, null=True, blank=True, unique=True)
    batch = models.ForeignKey(Batch, null=True, blank=True, on_delete=models.CASCADE, related_name="jobs")

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]
        indexes: ClassVar[list[models.Index]] = [
            # What a claim asks for, in its order; the index has no row of a job that is over.
            models.Index(
                F("queue"),
                F("priority").desc(),
                F("run_at"),
                F("id"),
                condition=Q(state="waiting"),
                name="job_to_claim",
            ),
            models.Index(fields=["lease_until"], condition=Q(state="running"), name="job_lease"),
            models.Index(fields=["announced_at"], condition=Q(state="waiting"), name="job_announced"),
            models.Index(fields=["batch", "state"], name="job_of_batch"),
            models.Index(fields=["state", "finished_at"], name="job_ended"),
            models.Index(fields=["-created_at", "-id"], name="job_newest"),
        ]
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                name="a_running_job_has_a_claim",
                condition=Q(state="running", token__isnull=False, lease_until__isnull=False)
                | (~Q(state="running") & Q(token__isnull=True, lease_until__isnull=True)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED
