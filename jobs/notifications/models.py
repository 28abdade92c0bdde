"""The outbox, who is told, and how each telling stands.

`Event` is what happened, `Delivery` that one target is told of it; the delivery's job in the ledger has its state,
attempts and error. A delivery without an endpoint goes to Kafka.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import urlsplit

from django.db import models
from django.db.models import Q

from assets.models import new_id
from jobs.backoff import Backoff
from jobs.models import Job


class Target(models.Model):
    """Whoever is told, and how well that goes. Only `jobs.notifications.resting` writes these columns."""

    failures = models.PositiveIntegerField(default=0, editable=False, help_text="In a row.")
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    rest_until = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Nothing is sent before, because it failed."
    )
    last_result = models.CharField(max_length=300, blank=True, editable=False)
    last_result_at = models.DateTimeField(null=True, blank=True, editable=False)

    rest_after: ClassVar[int]
    """It is left alone after so many failures in a row,"""
    rest: ClassVar[Backoff]
    """for so long."""

    class Meta:
        abstract = True

    @property
    def rows(self) -> models.QuerySet[Any]:
        """Its own row, for conditional updates."""
        return type(self)._default_manager.filter(pk=self.pk)

    @property
    def jobs(self) -> models.QuerySet[Job]:
        """The jobs that tell it."""
        raise NotImplementedError


class Endpoint(Target):
    """An address that webhooks are sent to."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    url = models.CharField("URL", max_length=2048)
    description = models.CharField(max_length=200, blank=True)
    event_types = models.JSONField("events", default=list, blank=True, help_text="None chosen: all.")
    is_enabled = models.BooleanField("enabled", default=True)
    disabled_reason = models.CharField(max_length=200, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    # One event that it cannot digest must not hold up the others: three in a row are no accident.
    rest_after = 3
    rest = Backoff(first_seconds=5.0, most_seconds=300.0)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.description or self.host

    @property
    def host(self) -> str:
        """What may be logged of the address: the rest of it is a secret of some receivers'."""
        try:
            return urlsplit(self.url).hostname or ""
        except ValueError:
            return ""

    @property
    def jobs(self) -> models.QuerySet[Job]:
        return Job.objects.filter(delivery__endpoint=self)

    def wants(self, event_type: str) -> bool:
        return self.is_enabled and (not self.event_types or event_type in self.event_types)


class EndpointSecret(models.Model):
    """What webhooks are signed with. While secrets are rotated an endpoint has several."""

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="secrets")
    sealed = models.TextField(help_text="The secret, encrypted with a key derived from Django's.")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"secret of {self.created_at:%Y-%m-%d}"

    def is_usable(self, now: datetime) -> bool:
        return self.expires_at is None or self.expires_at > now


class KafkaTopic(Target):
    """The one row that says how telling Kafka goes; where it is stands in the settings."""

    rest_after = 1
    rest = Backoff(first_seconds=2.0, most_seconds=60.0)

    class Meta:
        verbose_name = verbose_name_plural = "Kafka"

    def __str__(self) -> str:
        return "Kafka"

    @property
    def jobs(self) -> models.QuerySet[Job]:
        return Job.objects.filter(delivery__isnull=False, delivery__endpoint=None)


class Event(models.Model):
    """Something the world is told, written in the transaction that made it true."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    type = models.CharField(max_length=50)
    subject = models.CharField(max_length=100, help_text="Id of the job, batch or master; the key of Kafka's messages.")
    data = models.JSONField()
    created_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["subject", "id"], name="event_of_subject"),
            models.Index(fields=["created_at"], name="event_age"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.subject}"


class Delivery(models.Model):
    """One target and one event."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="deliveries")
    endpoint = models.ForeignKey(
        Endpoint, on_delete=models.CASCADE, related_name="deliveries", null=True, blank=True, help_text="None: Kafka."
    )
    job = models.OneToOneField(Job, on_delete=models.CASCADE, related_name="delivery")

    class Meta:
        ordering: ClassVar[list[str]] = ["-id"]
        verbose_name_plural = "deliveries"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["event", "endpoint"], name="an_endpoint_is_told_once"),
            models.UniqueConstraint(fields=["event"], condition=Q(endpoint=None), name="kafka_is_told_once"),
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.endpoint or 'Kafka'}"
