"""A producer of Kafka's that is waited for: librdkafka, idempotent, one message at a time for each thread."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from jobs.errors import Reject
from jobs.notifications.errors import NotDelivered

MISSING = "The package confluent-kafka is not installed: pip install 'imgopt[kafka]'."
MARGIN_SECONDS = 5.0
"""librdkafka says in time that a message was not confirmed; should it not, nobody waits for it for ever."""
CLOSE_SECONDS = 2.0

_log = logging.getLogger("jobs.notifications.kafka")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    key: str
    value: bytes
    headers: Mapping[str, str]


@dataclass(slots=True)
class Waiting:
    """What has become of a message."""

    ended: threading.Event = field(default_factory=threading.Event)
    error: Any = None
    place: str = ""

    def __call__(self, error: Any, message: Any) -> None:
        self.error = error
        if error is None:
            self.place = f"partition {message.partition()}, offset {message.offset()}"
        self.ended.set()


class Writer:
    """A producer, and the thread that hears what it has to say."""

    def __init__(self, configuration: Mapping[str, Any], topic: str, timeout_seconds: float) -> None:
        try:
            from confluent_kafka import KafkaException, Producer
        except ImportError as error:
            raise NotDelivered(MISSING) from error
        self.pid = os.getpid()
        self.is_broken = False
        self._topic, self._timeout_seconds = topic, timeout_seconds
        self._trouble = ""
        self._closing = threading.Event()
        self._refusal = KafkaException
        try:
            self._producer = Producer({**configuration, "error_cb": self._note_trouble, "logger": _log})
        except KafkaException as error:
            raise NotDelivered(f"Kafka's client refuses its settings: {_words(error.args[0])}") from error
        self._listener = threading.Thread(target=self._listen, name="imgopt-kafka", daemon=True)
        self._listener.start()

    def write(self, message: Message) -> str:
        waiting = Waiting()
        try:
            self._producer.produce(
                self._topic,
                key=message.key.encode(),
                value=message.value,
                headers=[(name, text.encode()) for name, text in message.headers.items()],
                on_delivery=waiting,
            )
        except BufferError as error:
            raise NotDelivered("Too many messages wait for Kafka's brokers already.") from error
        except self._refusal as error:
            raise self._named(error.args[0]) from error
        if not waiting.ended.wait(self._timeout_seconds + MARGIN_SECONDS):
            self.is_broken = True
            raise NotDelivered("Kafka's client did not say what became of the message.")
        if waiting.error is not None:
            raise self._named(waiting.error)
        self._trouble = ""
        return f"confirmed: {waiting.place}"

    def close(self) -> None:
        self._closing.set()
        self._listener.join(CLOSE_SECONDS)
        self._producer.flush(CLOSE_SECONDS)

    def _listen(self) -> None:
        while not self._closing.is_set():
            self._producer.poll(0.1)

    def _note_trouble(self, error: Any) -> None:
        """Why no broker answers is said here; the message itself is only told that its time is over."""
        self.is_broken = self.is_broken or error.fatal()
        if error.name() != "_ALL_BROKERS_DOWN":
            self._trouble = error.str()

    def _named(self, error: Any) -> Exception:
        self.is_broken = self.is_broken or error.fatal()
        if error.name() in ("MSG_SIZE_TOO_LARGE", "_MSG_SIZE_TOO_LARGE"):
            return Reject("The message is larger than Kafka takes.")
        if error.name() in ("_MSG_TIMED_OUT", "_TIMED_OUT"):
            why = f": {self._trouble}" if self._trouble else "."
            return NotDelivered(f"No broker confirmed the message in {self._timeout_seconds:g} s{why}")
        return NotDelivered(f"Kafka did not take the message: {_words(error)}")


def _words(error: Any) -> str:
    with suppress(AttributeError):
        return str(error.str())
    return str(error)
