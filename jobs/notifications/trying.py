"""A test event, sent at once and past the outbox, with a sentence on what became of it."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone

from assets.models import new_id
from jobs.errors import Reject
from jobs.notifications import kafka, resting
from jobs.notifications.delivering import as_json, message_id, send_webhook
from jobs.notifications.errors import NotDelivered
from jobs.notifications.event_types import TEST
from jobs.notifications.kafka_writer import Message
from jobs.notifications.models import Endpoint
from jobs.notifications.outbox import iso, kafka_topic
from pipeline.errors import ImgoptError


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    is_delivered: bool
    sentence: str


def try_endpoint(endpoint: Endpoint) -> Outcome:
    """This will send it a test event, whether it is enabled or not."""
    now = timezone.now()
    body = as_json({"type": TEST, "timestamp": iso(now), "data": {"message": "A test from imgopt."}})
    try:
        result = send_webhook(endpoint, new_id().hex, body)
    except NotDelivered as error:
        return _not_delivered(error)
    resting.note_success(endpoint, result)
    return Outcome(is_delivered=True, sentence=f"Delivered: the endpoint answered {result}.")


def try_kafka() -> Outcome:
    """This will write a test message; what reads the topic knows it by its header `type`."""
    now, event_id = timezone.now(), new_id().hex
    message = Message(
        key="test",
        value=as_json({"message": "A test from imgopt.", "timestamp": iso(now)}),
        headers={"type": TEST, "id": message_id(event_id)},
    )
    try:
        result = kafka.write_once(message)
    except (NotDelivered, Reject) as error:
        return _not_delivered(error)
    resting.note_success(kafka_topic(), result)
    return Outcome(is_delivered=True, sentence=f"Delivered: {result}.")


def _not_delivered(error: ImgoptError) -> Outcome:
    """It is not noted with the target: who tries an address out does not want it left alone for that."""
    return Outcome(is_delivered=False, sentence=f"Not delivered. {error.message}")
