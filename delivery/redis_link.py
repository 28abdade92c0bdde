"""The one way to Redis, beneath all that use it: tier, locks, limits, broadcast.

Settings name `Client` and `Pool` by their dotted path, so that none of the users needs to know of this module.

A call has 250 ms, connecting and logging in included, and is not repeated. After a few that failed Redis is left alone
for some seconds, in which a call costs nothing: it raises `Resting` before anything is sent. An answer that is an error
(full, read-only, no such script) is an answer: it opens nothing, so a full Redis is still read from.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from typing import Any, Final

import redis
from django_redis.serializers.base import BaseSerializer
from redis.connection import Connection, ConnectionPool, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import ConnectionError as NotConnected
from redis.exceptions import InvalidResponse, MaxConnectionsError, ResponseError
from redis.exceptions import TimeoutError as TimedOut

from delivery import counters
from delivery.breaker import Breaker

CALL_SECONDS: Final = 0.25
MAX_FAILURES: Final = 3
WINDOW_SECONDS: Final = 10.0
REST_SECONDS: Final = 3.0
MAX_CONNECTIONS: Final = 4096
"""More than a server has threads: who finds none free would fail for no fault of Redis's."""


class Resting(NotConnected):
    """Redis is left alone for now: nothing was sent."""


class _Deadline(threading.local):
    """Until when the call that this thread makes must be over."""

    at: float | None = None


_deadline = _Deadline()


class Timed:
    """A socket whose every step ends with the call's time: the timeout of a socket begins anew with each piece."""

    def __init__(self, inner: socket.socket) -> None:
        self._inner = inner
        self._timeout = inner.gettimeout()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def settimeout(self, seconds: float | None) -> None:
        self._timeout = seconds
        self._inner.settimeout(seconds)

    def sendall(self, data: bytes) -> None:
        self._limit()
        self._inner.sendall(data)

    def recv(self, size: int) -> bytes:
        self._limit()
        return self._inner.recv(size)

    def recv_into(self, buffer: Any, *sizes: int) -> int:
        self._limit()
        return self._inner.recv_into(buffer, *sizes)

    def _limit(self) -> None:
        if _deadline.at is None or self._timeout == 0:
            return
        left = _deadline.at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the call's time is over")
        self._inner.settimeout(left if self._timeout is None else min(left, self._timeout))


class _Brief:
    """Connects within the call's time."""

    socket_connect_timeout: Any

    def _connect(self) -> Timed:
        if _deadline.at is not None:
            self.socket_connect_timeout = max(0.001, _deadline.at - time.monotonic())
        return Timed(super()._connect())  # type: ignore[misc]


class BriefConnection(_Brief, Connection):
    pass


class BriefUnixConnection(_Brief, UnixDomainSocketConnection):
    pass


class BriefSSLConnection(_Brief, SSLConnection):
    def _wrap_socket_with_ssl(self, sock: socket.socket) -> ssl.SSLSocket:
        if _deadline.at is not None:
            sock.settimeout(max(0.001, _deadline.at - time.monotonic()))  # the handshake's
        return super()._wrap_socket_with_ssl(sock)  # type: ignore[no-any-return, no-untyped-call]


_BRIEF: Final = {
    Connection: BriefConnection,
    SSLConnection: BriefSSLConnection,
    UnixDomainSocketConnection: BriefUnixConnection,
}


class Pool(ConnectionPool):
    """The connections of a process to one address, and what is known of it. django-redis keeps one an address."""

    def __init__(self, connection_class: Any = Connection, **options: Any) -> None:
        # RESP 2 and no names: with a handshake of six commands a new connection would use up the time of its call.
        options = {"protocol": 2, "driver_info": None, "max_connections": MAX_CONNECTIONS, **options}
        super().__init__(connection_class=_BRIEF.get(connection_class, connection_class), **options)
        self.breaker = Breaker(
            "redis", max_failures=MAX_FAILURES, window_seconds=WINDOW_SECONDS, rest_seconds=REST_SECONDS
        )


class Client(redis.Redis):
    """A client that asks the breaker first."""

    connection_pool: Pool

    def _execute_command(self, *args: Any, **options: Any) -> Any:
        with _call(self.connection_pool.breaker):
            return super()._execute_command(*args, **options)  # type: ignore[no-untyped-call]


@contextlib.contextmanager
def _call(breaker: Breaker) -> Iterator[None]:
    if not breaker.admits():
        counters.REDIS_REFUSED.inc()
        raise Resting("Redis has failed and is left alone for some seconds.")
    _deadline.at = time.monotonic() + CALL_SECONDS
    try:
        yield
    except MaxConnectionsError:
        raise
    except (NotConnected, TimedOut, InvalidResponse, OSError) as error:
        counters.REDIS_FAILURES.labels("timeout" if isinstance(error, TimedOut) else "connection").inc()
        breaker.failed()
        raise
    except ResponseError:
        breaker.succeeded()
        raise
    else:
        breaker.succeeded()
    finally:
        _deadline.at = None


class PlainBytes(BaseSerializer):  # type: ignore[misc]
    """Leaves values as they are. django-redis pickles by default, and to unpickle what stands in a shared Redis is to
    run whatever somebody has put there."""

    def dumps(self, value: bytes) -> bytes:
        return value

    def loads(self, value: bytes) -> bytes:
        return value
