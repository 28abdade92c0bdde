"""The real Redis for tests: a client as the service has it, a prefix of its own, and servers that may be broken."""

from __future__ import annotations

import secrets
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import redis

from delivery import redis_link
from delivery.redis_link import Client, Pool
from tests.e2e.server import free_port
from tests.jobs.crew import REDIS_URL
from tests.jobs.services import need

START_SECONDS = 20
PATIENCE_SECONDS = 10.0


def client_of(url: str, seconds: float = 0.25) -> Client:
    """This will give a client with a pool and a breaker of its own."""
    return Client(connection_pool=Pool.from_url(url, socket_timeout=seconds, socket_connect_timeout=seconds))


@contextmanager
def redis_client(url: str = REDIS_URL, *, seconds: float = PATIENCE_SECONDS) -> Iterator[tuple[Client, str]]:
    """This will give a client and a prefix, under which nothing is left.

    A call may take `seconds` meanwhile: a busy machine must not be taken for a Redis that hangs.
    """
    need(6379)
    client, prefix = client_of(url, seconds), f"test-{secrets.token_hex(6)}"
    try:
        with mock.patch.object(redis_link, "CALL_SECONDS", seconds):
            yield client, prefix
    finally:
        with redis.Redis.from_url(REDIS_URL) as own:
            for key in own.scan_iter(f"{prefix}:*", count=1000):
                own.delete(key)
        client.connection_pool.disconnect()


@dataclass
class OwnRedis:
    """A redis-server of the test's own, which it may stop, fill and flush."""

    port: int = field(default_factory=free_port)
    options: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--save", "", "--bind", "127.0.0.1", *self.options],
            cwd=tempfile.gettempdir(),
            stdout=subprocess.DEVNULL,
        )
        give_up_at = time.monotonic() + START_SECONDS
        while True:
            try:
                with self.client() as client:
                    client.ping()
                    return
            except redis.ConnectionError:
                assert time.monotonic() < give_up_at, "redis-server does not start"
                time.sleep(0.02)

    def client(self) -> Any:
        """A client of the test's own, without a breaker."""
        return redis.Redis.from_url(self.url)

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _signal(self, signum: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(signum)


@contextmanager
def own_redis(*options: str) -> Iterator[OwnRedis]:
    need(6379)  # where there is one, there is a redis-server to be started
    server = OwnRedis(options=options)
    server.start()
    try:
        yield server
    finally:
        server.stop()
