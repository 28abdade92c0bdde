"""Redis, RabbitMQ, PostgreSQL and S3 on their usual ports of loopback: a test says how to start one."""

from __future__ import annotations

import os
import socket

import pytest

STARTS = {
    6379: "needs Redis: redis-server --port 6379",
    5672: "needs RabbitMQ: rabbitmq-server -detached",
    8322: "needs S3: make s3",
    5432: "needs PostgreSQL that trusts 127.0.0.1: pg_ctlcluster 15 main start",
}


def need(*ports: int) -> None:
    """This will skip the test if nothing answers on one of these ports; where services are required it will fail."""
    for port in ports:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=2).close()
        except OSError:
            if os.environ.get("IMGOPT_REQUIRE_SERVICES"):
                raise
            pytest.skip(STARTS[port])


def need_root() -> None:
    """For a disk of a test's own, that can be filled."""
    if os.geteuid() != 0:
        if os.environ.get("IMGOPT_REQUIRE_SERVICES"):
            raise PermissionError("needs root, to mount a small disk")
        pytest.skip("needs root, to mount a small disk")
