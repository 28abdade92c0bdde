from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from pytest_django import Settings

from delivery import keyring, respond
from delivery.edge import Edge
from delivery.service import service
from tests.delivery.world import KEY, Answer, Renderer, call


@pytest.fixture(autouse=True)
def _one_key(settings: Settings) -> None:
    settings.CONFIG = settings.CONFIG  # so that a test's changes are undone
    settings.IMGOPT_SIGNING_KEYS = ((KEY.kid, KEY.secret.hex()),)
    keyring.forget()
    respond.cors.cache_clear()


@pytest.fixture(scope="session")
def django_application() -> WSGIHandler:
    return WSGIHandler()


@pytest.fixture
def renderer(monkeypatch: pytest.MonkeyPatch) -> Renderer:
    """What the service renders with instead of the children."""
    renderer = Renderer()
    monkeypatch.setattr("delivery.service.render_variant", renderer)
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
