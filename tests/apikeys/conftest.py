from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from apikeys import admission, service
from apikeys.service import IssuedKey

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _settings_of_these_tests(settings: Settings, tmp_path: Path) -> None:
    settings.ROOT_URLCONF = "tests.apikeys.urls"
    settings.IMGOPT_DATA_DIR = tmp_path
    settings.IMGOPT_PUBLIC_URL = "https://images.example.com"
    settings.IMGOPT_TRUSTED_PROXIES = ("10.0.0.0/8",)
    settings.IMGOPT_APIKEYS_ENV = "live"
    settings.IMGOPT_APIKEYS_RATE = 20.0
    settings.IMGOPT_APIKEYS_BURST = 100
    settings.IMGOPT_APIKEYS_ANONYMOUS_RATE = 0.01
    settings.IMGOPT_APIKEYS_ANONYMOUS_BURST = 3
    admission.RIGHT_DIGESTS.clear()


@pytest.fixture
def issue(db: None) -> Callable[..., IssuedKey]:
    def make(*scopes: str, **options: Any) -> IssuedKey:
        return service.issue(**{"name": "shop", "scopes": scopes or ("read",), **options})

    return make
