"""A library of drawn pictures, and somebody who works on the jobs of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from assets.masters import create_masters, inspect_upload
from assets.models import Master
from assets.uploads import upload_from_bytes
from delivery import keyring
from jobs import ledger, running
from jobs.claim import Claim
from tests.assets.caller import Caller
from tests.delivery.world import KEY
from tests.images import encoded, scene


@pytest.fixture(autouse=True)
def _world(settings: Settings, tmp_path: Path) -> Iterator[None]:
    (tmp_path / "tmp").mkdir()
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path / "tmp")
    settings.CONFIG = settings.CONFIG  # so that a test's changes are undone
    settings.WHITENOISE_AUTOREFRESH = True
    settings.IMGOPT_SIGNING_KEYS = ((KEY.kid, KEY.secret.hex()),)
    keyring.forget()
    yield
    keyring.forget()


def add(key: str | None = None, width: int = 700, height: int = 500, kind: str = "jpeg", seed: int = 1) -> Master:
    """This will put a drawn picture into the library."""
    with upload_from_bytes(encoded(scene(width, height, seed=seed), kind), "photo.jpg") as upload:
        [master] = create_masters([inspect_upload(upload)], keys=[key])
    return master


def work_all() -> int:
    """This will do what is due, one job after another, and give their number."""
    done = 0
    while (job := ledger.claim(["renders", "upkeep"], worker="test:1", lease_seconds=30)) is not None:
        running.run(Claim(job))
        done += 1
    return done


@pytest.fixture
def caller(db: None) -> Caller:
    return Caller.with_scopes("upload", "read", "manage")


def post(caller: Caller, path: str, document: Any) -> Any:
    return caller.ask("POST", path, json.dumps(document).encode(), "application/json")


def told(answer: Any) -> Any:
    return json.loads(answer.body)
