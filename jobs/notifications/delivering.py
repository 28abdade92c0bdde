"""The jobs that tell a target of an event: one attempt each, and what its outcome means for the target."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.utils import timezone

from jobs import ledger
from jobs.backoff import Backoff
from jobs.claim import Claim
from jobs.errors import Reject
from jobs.kinds import kind
from jobs.models import LIVE
from jobs.notifications import endpoint_secrets, kafka, posting, resting, signatures
from jobs.notifications.errors import Gone, NotDelivered
from jobs.notifications.kafka_writer import Message
from jobs.notifications.models import Delivery, Endpoint, Event, Target
from jobs.notifications.outbox import iso, kafka_topic

ENDPOINT_ATTEMPTS: Final = 16
"""With the backoff below: 5 s, 10 s, 20 s … 5.7 h, 6 h, 6 h, which is 23 hours and a half."""
ENDPOINT_BACKOFF: Final = Backoff(first_seconds=5.0, most_seconds=6 * 3600.0)
KAFKA_ATTEMPTS: Final = 1_000_000
"""Once a minute for two years: a message is lost when somebody cancels it."""
KAFKA_BACKOFF: Final = Backoff(first_seconds=2.0, most_seconds=60.0)
FAILING_DAYS: Final = 5
"""An endpoint that has taken nothing for so long is disabled."""
MARGIN_SECONDS: Final = 5.0
IN_ORDER_SECONDS: Final = 0.25
PAUSES: Final = (429, 503)
"""Whose Retry-After counts."""


@kind("webhook", queue="notifications", max_attempts=ENDPOINT_ATTEMPTS, backoff=ENDPOINT_BACKOFF)
def webhook(claim: Claim) -> None:
    """This will send an event to an endpoint."""
    delivery = _delivery(claim)
    endpoint = delivery.endpoint
    if endpoint is None:
        raise Reject("The endpoint is gone.")
    if not endpoint.is_enabled:
        raise Reject("The endpoint is disabled.")
    try:
        _attempt(
            claim,
            endpoint,
            lambda: send_webhook(endpoint, delivery.event.id.hex, envelope(delivery.event)),
            settings.CONFIG.webhooks_timeout_seconds,
        )
    except Gone as error:
        disable(endpoint, error.message)
        raise Reject(error.message) from error
    except NotDelivered:
        _disable_if_hopeless(endpoint, timezone.now())
        raise


@kind("kafka", queue="notifications", max_attempts=KAFKA_ATTEMPTS, backoff=KAFKA_BACKOFF)
def write_to_kafka(claim: Claim) -> None:
    """This will write an event to Kafka, after the earlier ones of its subject."""
    event = _delivery(claim).event
    if not settings.CONFIG.kafka_brokers:
        raise Reject("IMGOPT_KAFKA_BROKERS names no brokers.")
    if (earlier := _earlier_run_at(event)) is not None:
        ledger.postpone(claim.job, max(earlier, timezone.now() + timedelta(seconds=IN_ORDER_SECONDS)))
        return
    message = Message(
        key=event.subject, value=as_json(event.data), headers={"type": event.type, "id": message_id(event.id.hex)}
    )
    _attempt(claim, kafka_topic(), lambda: kafka.write(message), settings.CONFIG.kafka_timeout_seconds)


def send_webhook(endpoint: Endpoint, event_id: str, body: bytes) -> str:
    """This will send a body once and say in a few words how that went, or raise `NotDelivered`."""
    now, config = timezone.now(), settings.CONFIG
    signed = signatures.headers(
        endpoint_secrets.usable(endpoint, now), message_id(event_id), int(now.timestamp()), body
    )
    answer = posting.post(
        endpoint.url,
        body,
        signed,
        private_networks=config.webhooks_private_networks,
        timeout_seconds=config.webhooks_timeout_seconds,
    )
    if 200 <= answer.status < 300:
        return f"{answer.status} in {answer.ms} ms"
    if answer.status == 410:
        raise Gone("The endpoint answered 410: it is gone.")
    redirected = "; redirects are not followed" if 300 <= answer.status < 400 else ""
    raise NotDelivered(
        f"The endpoint answered {answer.status}{redirected}.",
        retry_after_seconds=answer.retry_after_seconds if answer.status in PAUSES else 0.0,
    )


def envelope(event: Event) -> bytes:
    return as_json({"type": event.type, "timestamp": iso(event.created_at), "data": event.data})


def as_json(data: dict[str, Any]) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


def message_id(event_id: str) -> str:
    """The same at every attempt, so that receivers know what they have had."""
    return f"msg_{event_id}"


def disable(endpoint: Endpoint, reason: str) -> None:
    """This will send it nothing more until somebody enables it; what waits for it fails, and can be sent again."""
    endpoint.rows.filter(is_enabled=True).update(is_enabled=False, disabled_reason=reason[:200])


def enable(endpoint: Endpoint) -> None:
    endpoint.rows.update(is_enabled=True, disabled_reason="", failures=0, failing_since=None, rest_until=None)


def _attempt(claim: Claim, target: Target, send: Callable[[], str], timeout_seconds: float) -> None:
    turn = resting.take_turn(target, probe_seconds=timeout_seconds + MARGIN_SECONDS)
    if turn.come_back_at is not None:
        ledger.postpone(claim.job, turn.come_back_at)
        return
    try:
        result = send()
    except NotDelivered as error:
        seconds = resting.note_failure(target, error.message, turn=turn, least_seconds=error.retry_after_seconds)
        error.retry_after_seconds = seconds
        raise
    resting.note_success(target, result)
    with claim.finishing(result=result):
        pass


def _delivery(claim: Claim) -> Delivery:
    found = Delivery.objects.select_related("event", "endpoint").filter(job_id=claim.job.id).first()
    if found is None:
        raise Reject("The event or the endpoint is gone.")
    return found


def _earlier_run_at(event: Event) -> datetime | None:
    """Ids of events sort by time, and those of one subject are written one after the other."""
    earlier = Delivery.objects.filter(
        endpoint=None, event__subject=event.subject, event_id__lt=event.id, job__state__in=LIVE
    )
    return earlier.order_by("event_id").values_list("job__run_at", flat=True).first()


def _disable_if_hopeless(endpoint: Endpoint, now: datetime) -> None:
    since = endpoint.failing_since
    if since is not None and now - since > timedelta(days=FAILING_DAYS):
        disable(endpoint, f"It has taken nothing since {since:%Y-%m-%d %H:%M} UTC.")
