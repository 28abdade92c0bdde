from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from pytest_django import Settings

from delivery import keyring, purge, respond
from delivery.edge import Edge
from delivery.service import service
from tests.delivery.world import KEY, Answer, Renderer, call


@pytest.fixture(autouse=True)
def _one_key(settings: Settings) -> None:
    settings.CONFIG = settings.CONFIG  # so that a test's changes are undone
    settings.IMGOPT_SIGNING_KEYS = ((KEY.kid, KEY.secret.hex()),)
    keyring.forget()
    respond.cors.cache_clear()
    purge._published_here.clear()  # a test's rows are rolled back, and their numbers given out again


@pytest.fixture(autouse=True, scope="module")
def _connections_stay_open() -> Iterator[None]:
    """A request ends by looking at the database connection, which a test may not have."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture(scope="session")
def django_application() -> WSGIHandler:
    return WSGIHandler()


@pytest.fixture
def renderer(monkeypatch: pytest.MonkeyPatch) -> Renderer:
    """What the service renders with instead of the children."""
    renderer = Renderer()
    monkeypatch.setattr(service(), "_render", renderer)
    return renderer


@pytest.fixture
def edge(django_application: WSGIHandler) -> Edge:
    """The whole application as `imgopt.wsgi` puts it together."""
    return Edge(django_application, service().memory, places=4)


@pytest.fixture
def ask(edge: Edge) -> Callable[..., Answer]:
    def ask(target: str, **options: Any) -> Answer:
        return call(edge, target, **options)

    return ask
