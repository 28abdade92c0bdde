"""What is told of a job agrees with what the compatible API says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from jobs import ledger
from jobs.models import Job
from jobs.notifications.models import Event
from tests.assets.caller import Caller
from tests.images import encoded, scene
from tests.jobs.compat.conftest import begin, job_of
from tests.jobs.notifications.world import endpoint, work

pytestmark = pytest.mark.django_db


@pytest.fixture
def caller(db: None, settings: Settings, tmp_path: Path) -> Caller:
    (tmp_path / "tmp").mkdir()
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path / "tmp")
    settings.WHITENOISE_AUTOREFRESH = True
    endpoint(url="https://shop.example/hook")
    return Caller.with_scopes("upload", "read", "manage")


def told() -> list[tuple[str, dict[str, Any]]]:
    return [(event.type, event.data) for event in Event.objects.order_by("id")]


def test_a_job_of_the_api_is_told_with_its_variants(caller: Caller) -> None:
    original = caller.upload(encoded(scene(), "jpeg"), "photo.jpg")["id"]
    job = begin(caller, original, {"format": "webp"}, {"format": "png"})
    work(queues=("renders",))
    (started, before), (completed, after) = told()
    assert (started, completed) == ("job.started", "job.completed")
    assert (before["jobId"], before["status"], before["originalId"]) == (job["id"], "processing", original)
    said = job_of(caller, job)
    assert (after["jobId"], after["status"], after["originalId"]) == (job["id"], said["status"], said["originalID"])
    assert after["variantIds"] == [task["variantID"] for task in said["tasks"]]
    assert len(after["variantIds"]) == 2


def test_a_job_that_fails_is_told_with_the_apis_reason(caller: Caller) -> None:
    original = caller.upload(encoded(scene(), "jpeg"), "photo.jpg")["id"]
    job = begin(caller, original, {"format": "webp"})
    assert caller.ask("DELETE", f"/api/v1/image/{original}").status_code in (200, 204)
    work(queues=("renders",))
    said = job_of(caller, job)
    kind, data = told()[-1]
    assert (kind, data["status"], data["reason"]) == ("job.failed", said["status"], said["reason"])


def test_a_job_that_was_cancelled_has_the_apis_word_for_it(caller: Caller) -> None:
    original = caller.upload(encoded(scene(), "jpeg"), "photo.jpg")["id"]
    job = begin(caller, original, {"format": "webp"})
    ledger.cancel(Job.objects.get(id=job["id"]))
    said = job_of(caller, job)
    [(kind, data)] = told()
    assert (kind, data["status"], data["reason"]) == ("job.cancelled", said["status"], said["reason"])
