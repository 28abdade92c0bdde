from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from pytest_django import Settings

from jobs.kinds import KINDS, Kind
from jobs.notifications import kafka
from tests.assets.origins.site import Site, running, status
from tests.jobs.notifications.cluster import Cluster
from tests.jobs.notifications.world import HOOK, TOLD, UNTOLD, Clock, configure


@pytest.fixture(autouse=True)
def _own_configuration(settings: Settings) -> Iterator[None]:
    """A test's changes are undone; so is its producer."""
    settings.CONFIG = settings.CONFIG
    yield
    kafka.close()


@pytest.fixture(autouse=True)
def _kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two kinds of work that do nothing: one the world is told of, and one it is not."""
    for name in (TOLD, UNTOLD):
        kind = Kind(name=name, queue="renders", handler=lambda claim: None, max_attempts=3, is_told=name == TOLD)
        monkeypatch.setitem(KINDS, name, kind)


@pytest.fixture(autouse=True)
def _connection_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """An attempt begins by looking at the database connection, which here is in the midst of a test's transaction."""
    monkeypatch.setattr("jobs.running.close_old_connections", lambda: None)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Time that passes when the test says so."""
    clock = Clock()
    monkeypatch.setattr("django.utils.timezone.now", clock.now)
    return clock


@pytest.fixture
def site() -> Iterator[Site]:
    """A receiver on loopback, which webhooks may be sent to; it answers 204 at /hook."""
    with running() as site:
        site.answers[HOOK] = status(204)
        configure(webhooks_private_networks=("127.0.0.0/8",), webhooks_timeout_seconds=5.0)
        yield site


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A Kafka cluster that is up."""
    with Cluster() as cluster:
        configure(kafka_brokers=(cluster.address,), kafka_topic="jobs", kafka_timeout_seconds=10.0)
        yield cluster
        kafka.close()


@pytest.fixture
def admin(db: None) -> Client:
    client = Client(enforce_csrf_checks=False)
    client.force_login(get_user_model().objects.create_superuser("root"))
    return client


@pytest.fixture
def fixed_lookup(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Gives names the addresses that a test says."""

    def fix(*addresses: str) -> None:
        def lookup(_host: str, port: int) -> list[tuple[Any, ...]]:
            import socket

            found: list[tuple[Any, ...]] = []
            for address in addresses:
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                place = (address, port, 0, 0) if ":" in address else (address, port)
                found.append((family, socket.SOCK_STREAM, 6, "", place))
            return found

        monkeypatch.setattr("assets.origins.guard.lookup", lookup)

    return fix
