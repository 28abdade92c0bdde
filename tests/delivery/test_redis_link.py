"""The way to Redis: a call has its time and no second try, and a Redis that fails is left alone."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django_redis.cache import RedisCache

from delivery.redis_link import (
    CALL_SECONDS,
    MAX_FAILURES,
    REST_SECONDS,
    BriefSSLConnection,
    Client,
    Pool,
    Resting,
    _deadline,
)
from tests.delivery.figures import Figures
from tests.proxy import Proxy
from tests.redis_world import client_of, own_redis, redis_client

pytestmark = pytest.mark.services


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with closing(Proxy(6379)) as proxy:
        yield proxy


@pytest.fixture
def client(proxy: Proxy) -> Iterator[Client]:
    with redis_client(f"redis://127.0.0.1:{proxy.port}/15", seconds=CALL_SECONDS) as (client, _):
        yield client


def fail(client: Client, calls: int = MAX_FAILURES) -> None:
    for _ in range(calls):
        with pytest.raises((redis.ConnectionError, redis.TimeoutError)):
            client.ping()


def rested(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """This will let the time of a rest pass."""
    monkeypatch.setattr(client.connection_pool.breaker, "_clock", lambda: time.monotonic() + REST_SECONDS)


def test_a_well_redis_is_not_felt(client: Client) -> None:
    figures = Figures()
    assert client.ping()
    assert figures.grown("imgopt_redis_failures_total", how="timeout") == 0
    assert figures.grown("imgopt_redis_failures_total", how="connection") == 0
    assert _deadline.at is None


def test_a_redis_that_refuses_is_asked_three_times_and_then_left_alone(client: Client, proxy: Proxy) -> None:
    proxy.cut()
    figures = Figures()
    fail(client)
    for _ in range(50):
        with pytest.raises(Resting):
            client.ping()
    assert figures.grown("imgopt_redis_failures_total", how="connection") == MAX_FAILURES
    assert figures.grown("imgopt_redis_refused_total") == 50


def test_a_redis_that_hangs_is_asked_three_times_and_then_left_alone(client: Client, proxy: Proxy) -> None:
    proxy.silence()
    figures, before = Figures(), proxy.connections
    fail(client)
    for _ in range(50):
        with pytest.raises(Resting):
            client.ping()
    assert proxy.connections == before + MAX_FAILURES, "no call is repeated"
    assert figures.grown("imgopt_redis_failures_total", how="timeout") == MAX_FAILURES


def test_a_stopped_redis_is_a_redis_that_hangs() -> None:
    """The kernel still takes connections for it."""
    with own_redis() as server:
        client = client_of(server.url)
        assert client.ping()
        server.freeze()
        fail(client)
        with pytest.raises(Resting):
            client.ping()
        server.thaw()
        client.connection_pool.disconnect()


def test_a_socket_on_this_machine_goes_the_same_way(tmp_path: Path) -> None:
    with own_redis("--unixsocket", str(tmp_path / "socket")) as server:
        client = client_of(f"unix://{tmp_path / 'socket'}?db=3")
        assert client.set("name", b"." * 100_000)
        assert len(client.get("name") or b"") == 100_000
        server.freeze()
        fail(client)
        with pytest.raises(Resting):
            client.ping()
        server.thaw()
        client.connection_pool.disconnect()


def test_with_tls_it_goes_the_same_way() -> None:
    pool = Pool.from_url("rediss://127.0.0.1:1/0")
    assert isinstance(pool.make_connection(), BriefSSLConnection)


def test_it_comes_back_by_itself_with_one_call_that_tries(
    client: Client, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.ping()
    proxy.cut()
    fail(client)
    rested(client, monkeypatch)
    fail(client, 1)
    with pytest.raises(Resting):
        client.ping()
    proxy.heal()
    monkeypatch.setattr(client.connection_pool.breaker, "_clock", lambda: time.monotonic() + 3 * REST_SECONDS)
    assert client.ping()
    assert client.ping()


def test_a_restart_of_redis_costs_no_call() -> None:
    with own_redis() as server:
        client = client_of(server.url)
        assert client.ping()
        server.stop()
        server.start()
        assert client.ping(), "the dead connection is noticed before it is used"
        client.connection_pool.disconnect()


def test_the_time_of_a_call_counts_from_its_beginning_however_slowly_the_answer_trickles() -> None:
    """A socket's own timeout begins anew with each piece."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        pieces: list[int] = []

        def trickle() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"$1000000\r\n")
                try:
                    for number in range(200):
                        pieces.append(number)
                        connection.sendall(b"x" * 10)
                        time.sleep(0.05)
                except OSError:
                    return

        thread = threading.Thread(target=trickle)
        thread.start()
        client = client_of(f"redis://127.0.0.1:{listener.getsockname()[1]}/0")
        with pytest.raises(redis.TimeoutError):
            client.get("name")
        client.connection_pool.disconnect()
        thread.join()
    assert len(pieces) <= 3 * CALL_SECONDS / 0.05


def test_answers_that_are_errors_open_nothing(client: Client) -> None:
    for _ in range(MAX_FAILURES + 2):
        with pytest.raises(redis.ResponseError):
            client.execute_command("NOSUCHCOMMAND")
    assert client.ping()


def test_a_full_redis_is_still_read_from() -> None:
    with own_redis("--maxmemory", "3mb", "--maxmemory-policy", "noeviction") as server:
        client = client_of(server.url)
        client.set("kept", "here")
        refused = 0
        for number in range(100):
            try:
                client.set(f"filler {number}", b"." * 100_000)
            except redis.exceptions.OutOfMemoryError:
                refused += 1
        assert refused > MAX_FAILURES
        assert client.get("kept") == b"here"
        client.connection_pool.disconnect()


def test_what_is_no_redis_is_left_alone_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            for _ in range(MAX_FAILURES):
                connection, _ = listener.accept()
                with connection:
                    connection.recv(1000)
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        client = client_of(f"redis://127.0.0.1:{listener.getsockname()[1]}/0")
        for _ in range(MAX_FAILURES):
            with pytest.raises(redis.RedisError):
                client.ping()
        with pytest.raises(Resting):
            client.ping()
        thread.join()
        client.connection_pool.disconnect()


def test_the_settings_go_this_way_and_all_who_use_an_address_share_what_is_known_of_it(proxy: Proxy) -> None:
    url = f"redis://127.0.0.1:{proxy.port}/15"
    one, other = (RedisCache(url, {"OPTIONS": settings.REDIS_OPTIONS}) for _ in range(2))
    raw = other.client.get_client()
    assert isinstance(raw, Client)
    proxy.cut()
    fail(one.client.get_client())
    with pytest.raises(Resting):
        raw.ping()


def test_a_new_connection_says_no_more_than_it_must() -> None:
    """Each command of a handshake takes of the time of the call that needs the connection."""
    with own_redis() as server, server.client() as watching:
        client = client_of(f"redis://127.0.0.1:{server.port}/3")
        watching.config_resetstat()
        client.ping()
        said = {name.removeprefix("cmdstat_") for name in watching.info("commandstats")}
        assert said - {"config|resetstat"} == {"select", "ping"}
        client.connection_pool.disconnect()
