"""A dependency is missing when the server starts: it starts, says so, and heals without being started again."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from tests.e2e.server import Server
from tests.fleet import Fleet, fleet, through
from tests.images import encoded, scene
from tests.jobs.crew import POSTGRESQL_URL, administer
from tests.jobs.services import need
from tests.waiting import wait_until

pytestmark = [pytest.mark.services, pytest.mark.faults, pytest.mark.timeout(240)]

PROXIES = {"redis": "redis", "masters": "s3"}
"""What `/readyz` calls it, and the proxy it is reached through."""


def dependencies(server: Server) -> tuple[int, dict[str, str]]:
    answer = server.request("/readyz")
    return answer.status, answer.json["dependencies"]


def missing(server: Server) -> set[str]:
    status, states = dependencies(server)
    found = {name for name, state in states.items() if state != "ok"}
    assert (status == 503) is bool(found)
    return found


def works(machines: Fleet, server: Server) -> None:
    """An upload, and a variant of it, cold and warm."""
    wait_until(lambda: "  API key   imgo_" in server.text)  # made late, and printed where the greeting was
    uploaded = server.upload(server.api_key, ("harbour.jpg", encoded(scene(320, 240), "jpeg")))
    assert uploaded.status == 201, uploaded.body
    [master] = [each["id"] for each in uploaded.json]
    wanted = {"image": master, "params": {"w": "200"}}
    url = server.api("/api/v1/sign", server.api_key, method="POST", document=wanted)
    before = len(machines.renders())
    for _ in range(2):
        answer = server.request(url.json["url"])
        assert answer.status == 200, answer.body
    assert len(machines.renders()) - before == 1


@pytest.mark.parametrize("name", list(PROXIES))
def test_a_dependency_missing_at_start_is_named_and_waited_for(tmp_path: Path, name: str) -> None:
    with fleet(tmp_path, servers=1, start=False, IMGOPT_JOBS_WORKERS="1") as machines:
        [server] = machines.servers
        proxy = machines.proxies[PROXIES[name]]
        proxy.cut()
        server.start()
        assert server.request("/healthz").status == 200
        away = {"masters", "variants"} if name == "masters" else {name}
        wait_until(lambda: missing(server) == away)  # on a slow machine the others may take more than two seconds
        process = server.process
        proxy.heal()
        wait_until(lambda: dependencies(server)[0] == 200)
        works(machines, server)
        assert server.process is process
        assert process is not None
        assert process.poll() is None


@pytest.fixture
def empty_database() -> Iterator[str]:
    need(5432)
    name = f"imgopt_fresh_{secrets.token_hex(4)}"
    administer(f'CREATE DATABASE "{name}"')
    yield f"{POSTGRESQL_URL}/{name}"
    administer(f'DROP DATABASE "{name}" WITH (FORCE)')


def test_two_machines_without_their_database_prepare_it_once_when_it_comes(tmp_path: Path, empty_database: str) -> None:
    """It has not even tables: one of them makes these, the keys and the secrets, the other finds them made."""
    with fleet(tmp_path, servers=0, IMGOPT_JOBS_WORKERS="1") as machines, ExitStack() as stack:
        machines.environment["DATABASE_URL"] = through(empty_database, machines.database)
        machines.database.cut()
        servers = [machines.add(), machines.add()]
        for server in servers:
            stack.callback(server.stop)
            server.start()
            assert server.request("/healthz").status == 200
        wait_until(lambda: all(missing(server) == {"database"} for server in servers))
        machines.database.heal()
        wait_until(lambda: all(missing(server) == set() for server in servers))
        wait_until(lambda: any("imgo_" in server.text for server in servers))
        [first] = [server for server in servers if "imgo_" in server.text]
        works(machines, first)
        for table in ("auth_user", "delivery_signingkey", "apikeys_apikey"):
            with psycopg.connect(empty_database) as connection:
                assert connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone() == (1,), table
