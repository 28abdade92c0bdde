from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from pytest_django import Settings

from delivery import comparing, keyring, purge, respond
from delivery.edge import Edge
from delivery.entry import entry_of
from delivery.service import service
from delivery.signals import final_wanted
from delivery.variants import VariantRequest
from pipeline.rendition import Rendition
from tests.delivery.drafting import Clock, Wanted
from tests.delivery.world import KEY, Answer, DictTier, Renderer, call


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

    def together(requests: Sequence[VariantRequest], **_: Any) -> list[Rendition]:
        made = [renderer(request) for request in requests]
        for request, each in zip(requests, made, strict=True):
            service().lasting[-1].put(request.key, entry_of(each))
        return made

    monkeypatch.setattr(service(), "_render", renderer)
    monkeypatch.setattr(comparing, "render_together", together)
    return renderer


@pytest.fixture
def wanted() -> Iterator[Wanted]:
    """Hears of wanted finals in the place of the ledger."""
    receivers, final_wanted.receivers = final_wanted.receivers, []
    wanted = Wanted()
    final_wanted.connect(wanted.receive, weak=False)
    yield wanted
    final_wanted.receivers = receivers
    final_wanted.sender_receivers_cache.clear()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def render() -> Renderer:
    return Renderer()


@pytest.fixture
def fast() -> DictTier:
    return DictTier("redis")


@pytest.fixture
def slow() -> DictTier:
    return DictTier("storage")


@pytest.fixture
def edge(django_application: WSGIHandler) -> Edge:
    """The whole application as `imgopt.wsgi` puts it together."""
    return Edge(django_application, service().memory, places=4)


@pytest.fixture
def ask(edge: Edge) -> Callable[..., Answer]:
    def ask(target: str, **options: Any) -> Answer:
        return call(edge, target, **options)

    return ask
