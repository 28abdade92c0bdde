"""Workers that no server has started tell their own figures."""

from __future__ import annotations

import re
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from jobs import metrics_port
from tests.delivery.world import configure
from tests.e2e.server import free_port
from tests.jobs.crew import PLACES, crew
from tests.jobs.services import need


def ask(port: int, path: str = "/metrics", **headers: str) -> tuple[int, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=named)) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.fixture
def port(settings: Settings) -> Iterator[int]:
    settings.CONFIG = settings.CONFIG
    number = free_port()
    configure(jobs_metrics_port=number, metrics_token="a-token-of-at-least-32-characters")
    server = metrics_port.start()
    assert server is not None
    yield number
    server.shutdown()
    server.server_close()


def test_no_port_is_opened_unless_one_is_set() -> None:
    assert metrics_port.start() is None


def test_the_figures_are_told_and_nothing_else(port: int) -> None:
    status, text = ask(port)
    assert status == 200
    assert "imgopt_jobs_live" in text
    assert ask(port, "/")[0] == 404
    assert ask(port, "/metrics/x")[0] == 404


def test_who_may_read_them_is_who_may_read_a_server_s(port: int) -> None:
    assert ask(port, X_Forwarded_For="10.1.2.3")[0] == 403
    assert ask(port, Authorization="Bearer another")[0] == 401
    assert ask(port, X_Forwarded_For="10.1.2.3", Authorization="Bearer a-token-of-at-least-32-characters")[0] == 200


def test_it_listens_where_the_server_would_also_over_ipv6(settings: Settings) -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("needs IPv6")
    settings.CONFIG = settings.CONFIG
    number = free_port()
    configure(jobs_metrics_port=number, host="::1")
    server = metrics_port.start()
    assert server is not None
    try:
        with urllib.request.urlopen(f"http://[::1]:{number}/metrics") as answer:
            assert answer.status == 200
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.services
@pytest.mark.slow
@pytest.mark.parametrize("place", ["table-postgresql", "celery-redis"])
def test_a_worker_of_its_own_tells_of_all_its_processes(place: str, tmp_path: Path) -> None:
    """With Celery it is a process a queue, which one port tells together."""
    need(*PLACES[place].ports)
    number = free_port()
    with crew(place, tmp_path, IMGOPT_JOBS_METRICS_PORT=str(number)) as workers:
        workers.ask("enqueue", number=5, seconds=0.0)
        workers.hire(queues="renders,upkeep")
        workers.wait_for_ends(5)

        def told() -> bool:
            done = re.search(r'^imgopt_jobs_total\{kind="errand",outcome="done"\} 5\.0$', ask(number)[1], re.MULTILINE)
            return done is not None

        workers.wait_until(told, "five jobs in the figures")
