"""Somebody who calls the job API, and a worker for what was asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from tests.assets.caller import Caller
from tests.jobs.batches.conftest import work_all

__all__ = ["work_all"]

JOB = "/api/v1/job"
NOBODY = "01a2037e-5c1e-7a04-9d0b-3f6b5f0f2c11"


@pytest.fixture(autouse=True)
def _world(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path / "tmp")
    settings.CONFIG = settings.CONFIG  # so that a test's changes are undone
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture
def caller(db: None) -> Caller:
    return Caller.with_scopes("upload", "read", "manage")


def post(caller: Caller, document: Any, *, content_type: str = "application/json") -> Any:
    """This will ask for a job; bytes go as they are."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return caller.ask("POST", JOB, body, content_type)


def begin(caller: Caller, original_id: str, *options: dict[str, Any]) -> dict[str, Any]:
    answer = post(caller, {"originalID": original_id, "options": list(options or [{}])})
    assert answer.status_code == 201, answer.body
    return dict(answer.json())


def job_of(caller: Caller, job: dict[str, Any] | str) -> dict[str, Any]:
    answer = caller.get(f"{JOB}/{job if isinstance(job, str) else job['id']}")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    return dict(answer.json())


def variants_of(caller: Caller, job: dict[str, Any]) -> list[tuple[dict[str, Any], bytes]]:
    """This will give metadata and bytes of what a completed job made."""
    ids = [task["variantID"] for task in job_of(caller, job)["tasks"]]
    return [(caller.get(f"/api/v1/image/{one}/metadata").json(), caller.get(f"/image/{one}").body) for one in ids]
