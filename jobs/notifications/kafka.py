"""Kafka, by librdkafka's idempotent producer: one a process, which a message is waited for until a broker has it.

The package is an extra (`pip install imgopt[kafka]`), so it is imported where it is needed.
"""

from __future__ import annotations

import atexit
import os
import threading
from importlib.util import find_spec
from typing import Any

from django.conf import settings

from jobs.notifications.kafka_writer import Message, Writer


def is_installed() -> bool:
    return find_spec("confluent_kafka") is not None


def write(message: Message) -> str:
    """This will return once the brokers have confirmed a message, or raise `NotDelivered`."""
    return _of_this_process().write(message)


def write_once(message: Message) -> str:
    """The same with a producer of its own, for processes that usually have none."""
    writer = Writer(producer_settings(), settings.CONFIG.kafka_topic, settings.CONFIG.kafka_timeout_seconds)
    try:
        return writer.write(message)
    finally:
        writer.close()


def close() -> None:
    """This will close this process's producer, if there is one."""
    global _writer
    with _lock:
        writer, _writer = _writer, None
    if writer is not None and writer.pid == os.getpid():
        writer.close()


def producer_settings() -> dict[str, Any]:
    config = settings.CONFIG
    found: dict[str, Any] = {
        "bootstrap.servers": ",".join(config.kafka_brokers),
        "client.id": "imgopt",
        "enable.idempotence": True,
        "acks": "all",
        "linger.ms": 1,  # every message is waited for
        "message.timeout.ms": round(1000 * config.kafka_timeout_seconds),
        "security.protocol": config.kafka_security,
        "log.connection.close": False,
        "log_level": 2,  # or every attempt to connect is a line, for as long as a broker is away
    }
    if config.kafka_security.startswith("sasl"):
        found["sasl.mechanism"] = config.kafka_sasl_mechanism
        found["sasl.username"] = config.kafka_username
        found["sasl.password"] = config.kafka_password
    if config.kafka_ca_file:
        found["ssl.ca.location"] = config.kafka_ca_file
    return found


_lock = threading.Lock()
_writer: Writer | None = None


def _of_this_process() -> Writer:
    """A producer does not outlive a fork, nor a fatal error."""
    global _writer
    with _lock:
        if _writer is not None and _writer.pid == os.getpid() and not _writer.is_broken:
            return _writer
        if _writer is not None and _writer.pid == os.getpid():
            _writer.close()
        config = settings.CONFIG
        _writer = Writer(producer_settings(), config.kafka_topic, config.kafka_timeout_seconds)
        return _writer


atexit.register(close)
