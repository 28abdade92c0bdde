"""The outbox: events and who is to be told, written in the transaction of what happened, or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from jobs import ledger
from jobs.notifications.models import Delivery, Endpoint, Event, KafkaTopic


def tell(event_type: str, subject: str, data: dict[str, Any], *, at: datetime | None = None) -> Event | None:
    """This will write an event and its deliveries down; nothing, where nobody wants to hear of it."""
    endpoints = [endpoint for endpoint in Endpoint.objects.filter(is_enabled=True) if endpoint.wants(event_type)]
    to_kafka = goes_to_kafka(event_type)
    if not endpoints and not to_kafka:
        return None
    with transaction.atomic():
        event = Event.objects.create(type=event_type, subject=subject, data=data, created_at=at or timezone.now())
        for endpoint in endpoints:
            _enqueue("webhook", event, endpoint.rest_until, endpoint)
        if to_kafka:
            _enqueue("kafka", event, kafka_topic().rest_until, None)
    return event


def _enqueue(kind: str, event: Event, rest_until: datetime | None, endpoint: Endpoint | None) -> None:
    name = "kafka" if endpoint is None else str(endpoint.id)
    job = ledger.enqueue(
        kind,
        {"event": str(event.id), "target": name},
        key=f"notify:{event.id}:{name}",
        run_at=max(timezone.now(), rest_until) if rest_until else None,
    )
    Delivery.objects.create(event=event, endpoint=endpoint, job=job)


def goes_to_kafka(event_type: str) -> bool:
    config = settings.CONFIG
    return bool(config.kafka_brokers) and (not config.kafka_events or event_type in config.kafka_events)


def kafka_topic() -> KafkaTopic:
    return KafkaTopic.objects.get_or_create(pk=1)[0]


def deliver_again(deliveries: Iterable[Delivery]) -> int:
    """This will begin deliveries that failed or were cancelled anew, and give their number."""
    return sum(ledger.retry(delivery.job) for delivery in deliveries)


def iso(moment: datetime) -> str:
    """This will write a time as RFC 3339 has it.

    >>> iso(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    '2026-01-02T03:04:05.000Z'
    """
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
