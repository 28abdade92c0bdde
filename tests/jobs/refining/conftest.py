from __future__ import annotations

import pytest
from pytest_django import Settings

from assets.models import Master
from delivery.service import service
from delivery.variants import VariantRequest
from jobs.notifications.models import Endpoint
from pipeline.targets import TARGETS
from tests.delivery.world import Renderer, asked, configure, master, saved
from tests.jobs.refining.world import PARAMS


@pytest.fixture(autouse=True)
def _drafts_are_on(settings: Settings) -> None:
    settings.CONFIG = settings.CONFIG
    configure(delivery_quality=TARGETS["good"], delivery_drafts=True, delivery_budget_ms=250)


@pytest.fixture
def render(monkeypatch: pytest.MonkeyPatch) -> Renderer:
    renderer = Renderer()
    monkeypatch.setattr(service(), "_render", renderer)
    return renderer


@pytest.fixture
def shoe(render: Renderer) -> Master:
    return saved(master(key="products/shoe"))


@pytest.fixture
def request_(shoe: Master) -> VariantRequest:
    return asked(shoe, PARAMS)


@pytest.fixture
def listener() -> None:
    """Somebody who is told of finals."""
    Endpoint.objects.create(url="https://shop.example.com/hook", event_types=["variant.final"])
