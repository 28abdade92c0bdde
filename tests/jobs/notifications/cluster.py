"""librdkafka's own mock cluster, which speaks Kafka's protocol on loopback; a test takes its broker down and up.

Python's client can only start one inside a producer; the C functions do more, and lie in the same library.
"""

from __future__ import annotations

import ctypes
import json
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import confluent_kafka
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class Read:
    key: str
    value: dict[str, Any]
    headers: dict[str, str]


class Cluster:
    """One broker."""

    def __init__(self) -> None:
        self._library = _library()
        self._client = self._library.rd_kafka_new(0, None, ctypes.create_string_buffer(512), 512)
        self._cluster = self._library.rd_kafka_mock_cluster_new(self._client, 1)
        self.address = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.up()
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._client)

    def down(self) -> None:
        """Nobody listens at its address any more, and whoever was connected is cut off."""
        assert self._library.rd_kafka_mock_broker_set_down(self._cluster, 1) == 0

    def up(self) -> None:
        assert self._library.rd_kafka_mock_broker_set_up(self._cluster, 1) == 0

    def fail_produce(self, *codes: int) -> None:
        """The next requests to write are answered with these errors of the protocol."""
        array = (ctypes.c_int * len(codes))(*codes)
        self._library.rd_kafka_mock_push_request_errors_array(self._cluster, 0, len(codes), array)

    def read(self, topic: str, count: int, *, seconds: float = PATIENCE_SECONDS) -> list[Read]:
        """This will give the first messages of a topic in the order of their partition, or fewer in that time."""
        consumer = Consumer({"bootstrap.servers": self.address, "group.id": "tests", "logger": _silent()})
        found: list[Read] = []
        try:
            consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(4)])
            give_up_at = time.monotonic() + seconds
            while len(found) < count and time.monotonic() < give_up_at:
                message = consumer.poll(0.1)
                if message is not None and message.error() is None:
                    found.append(_read(message))
        finally:
            consumer.close()
        return found


def _read(message: Any) -> Read:
    headers = {name: text.decode() for name, text in message.headers() or []}
    return Read(message.key().decode(), json.loads(message.value()), headers)


def _silent() -> Any:
    logger = logging.getLogger("tests.kafka")
    logger.setLevel(logging.CRITICAL)
    return logger


def _library() -> Any:
    [file] = Path(confluent_kafka.__file__).parent.with_name("confluent_kafka.libs").glob("librdkafka*.so*")
    library = ctypes.CDLL(str(file))
    pointer, number = ctypes.c_void_p, ctypes.c_int32
    for name, result, arguments in (
        ("rd_kafka_new", pointer, [ctypes.c_int, pointer, ctypes.c_char_p, ctypes.c_size_t]),
        ("rd_kafka_destroy", None, [pointer]),
        ("rd_kafka_mock_cluster_new", pointer, [pointer, ctypes.c_int]),
        ("rd_kafka_mock_cluster_destroy", None, [pointer]),
        ("rd_kafka_mock_cluster_bootstraps", ctypes.c_char_p, [pointer]),
        ("rd_kafka_mock_broker_set_down", ctypes.c_int, [pointer, number]),
        ("rd_kafka_mock_broker_set_up", ctypes.c_int, [pointer, number]),
        ("rd_kafka_mock_push_request_errors_array", None, [pointer, ctypes.c_int16, ctypes.c_size_t, pointer]),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
