"""Background work in the admin."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from jobs import ledger
from jobs.models import Batch, Job
from tests.delivery.world import master, saved
from tests.jobs.conftest import MakeKind

pytestmark = pytest.mark.django_db
JOBS, BATCHES = "/admin/jobs/job/", "/admin/jobs/batch/"
EVIL = "<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def _no_static_scan(settings: object) -> None:
    settings.WHITENOISE_AUTOREFRESH = True  # type: ignore[attr-defined]


@pytest.fixture
def admin(db: None) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))
    return client


def staff(*permissions: str) -> Client:
    user = get_user_model().objects.create_user("staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def run(client: Client, page: str, action: str, *rows: object) -> str:
    answer = client.post(page, {"action": action, "_selected_action": [str(row) for row in rows]}, follow=True)
    return answer.content.decode()


def failed_job(kind: str) -> Job:
    job = ledger.enqueue(kind, {"name": EVIL}, max_attempts=1)
    claimed = ledger.claim_one(job.id, worker="test:1", lease_seconds=30)
    assert claimed is not None
    ledger.fail(claimed, EVIL, detail=EVIL)
    return job


def test_jobs_are_listed_with_bars_and_hostile_text_is_escaped(admin: Client, make_kind: MakeKind) -> None:
    job = failed_job(make_kind())
    half = ledger.enqueue("errand", {})
    claimed = ledger.claim_one(half.id, worker="test:1", lease_seconds=30)
    assert claimed is not None
    ledger.save_progress(claimed, progress=0.5)
    for page in (JOBS, f"{JOBS}{job.pk}/change/", f"{JOBS}?state=failed", f"{JOBS}?q={job.pk}"):
        answer = admin.get(page)
        assert answer.status_code == 200
        assert EVIL not in answer.content.decode()
    assert re.search(r"<progress[^>]+></progress> 50 %", admin.get(JOBS).content.decode())


def test_a_dead_letter_is_driven_again(admin: Client, make_kind: MakeKind) -> None:
    job = failed_job(make_kind())
    waiting = ledger.enqueue("errand", {})
    page = run(admin, JOBS, "try_again", job.pk, waiting.pk)
    assert "1 begin anew. 1 had not failed and stay." in page
    assert Job.objects.get(pk=job.pk).state == "waiting"


def test_a_waiting_job_is_cancelled(admin: Client, make_kind: MakeKind) -> None:
    job = ledger.enqueue(make_kind(), {})
    assert "1 cancelled." in run(admin, JOBS, "cancel", job.pk)
    assert Job.objects.get(pk=job.pk).state == "cancelled"


def test_jobs_are_neither_added_changed_nor_deleted_by_hand(admin: Client, make_kind: MakeKind) -> None:
    job = ledger.enqueue(make_kind(), {})
    assert admin.get(f"{JOBS}add/").status_code == 403
    assert admin.post(f"{JOBS}{job.pk}/delete/", {"post": "yes"}).status_code == 403
    admin.post(f"{JOBS}{job.pk}/change/", {"state": "done", "kind": "other"})
    assert (Job.objects.get().state, Job.objects.get().kind) == ("waiting", "errand")


def test_who_may_only_look_can_do_nothing(make_kind: MakeKind) -> None:
    job = failed_job(make_kind())
    client = staff("view_job")
    assert client.get(JOBS).status_code == 200
    run(client, JOBS, "try_again", job.pk)
    assert Job.objects.get().state == "failed"


def test_a_batch_is_begun_looked_at_and_cancelled(admin: Client) -> None:
    saved(master("shoe", key="shoes/red"))
    saved(master("hat", key="hats/red"))
    form = {"name": "Summer", "tag": "", "key_prefix": "shoes/", "preset": "", "params": "ar=1:1&fit=crop"}
    answer = admin.post(f"{BATCHES}add/", {**form, "widths": "320", "formats": "webp"}, follow=True)
    batch = Batch.objects.get()
    assert answer.status_code == 200
    assert batch.spec == {"params": {"ar": "1:1", "fit": "crop"}, "widths": [320], "formats": ["webp"]}
    assert batch.jobs.count() == 1
    for page in (BATCHES, f"{BATCHES}{batch.pk}/change/"):
        assert "pending" in admin.get(page).content.decode()
    manifest: Any = admin.get(f"{BATCHES}{batch.pk}/manifest.csv")
    assert b"shoes/red" in b"".join(manifest.streaming_content)
    assert admin.get(f"{BATCHES}{batch.pk}/manifest.xml").status_code == 404
    assert "1 masters&#x27; work was cancelled." in run(admin, BATCHES, "cancel", batch.pk)
    assert "cancelled" in admin.get(BATCHES).content.decode()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "Expected one of images, prefix, tag, all, received none of them."),
        ({"tag": "nobody"}, "Expected at least one image in a batch, found none."),
        ({"all": "on", "widths": "wide"}, "Expected widths from 1 to 8192 pixels, received"),
        ({"all": "on", "params": "w"}, "for w, received nothing."),
    ],
)
def test_what_cannot_be_begun_is_told_at_the_form(admin: Client, changes: dict[str, str], sentence: str) -> None:
    answer = admin.post(f"{BATCHES}add/", {"name": "x", **changes})
    assert answer.status_code == 200
    assert sentence in answer.content.decode()
    assert not Batch.objects.exists()


def test_what_failed_in_a_batch_is_tried_again(admin: Client, make_kind: MakeKind) -> None:
    kind, batch = make_kind(), Batch.objects.create(name="x")
    ledger.enqueue(kind, {}, batch=batch, max_attempts=1)
    claimed = ledger.claim(["renders"], worker="test:1", lease_seconds=30)
    assert claimed is not None
    ledger.fail(claimed, "No.")
    assert Batch.objects.get().finished_at is not None
    assert f"batch__id={batch.pk}&state=failed" in admin.get(BATCHES).content.decode()
    assert admin.get(f"{JOBS}?batch__id={batch.pk}&state=failed").status_code == 200
    assert "1 begin anew." in run(admin, BATCHES, "try_failed_again", batch.pk)
    assert Batch.objects.get().finished_at is None


def test_only_a_batch_that_has_ended_can_go(admin: Client, make_kind: MakeKind) -> None:
    batch = Batch.objects.create()
    ledger.enqueue(make_kind(), {}, batch=batch)
    assert admin.post(f"{BATCHES}{batch.pk}/delete/", {"post": "yes"}).status_code == 403
    ledger.cancel_batch(batch)
    admin.post(f"{BATCHES}{batch.pk}/delete/", {"post": "yes"})
    assert not Batch.objects.exists()


def test_masters_that_are_ticked_become_a_batch(admin: Client) -> None:
    shoe = saved(master("shoe", key="shoes/red"))
    saved(master("hat", key="hats/red"))
    page = run(admin, "/admin/assets/master/", "render_selected", shoe.pk)
    assert "A batch of 1 masters has begun." in page
    assert [job.payload["master"] for job in Batch.objects.get().jobs.all()] == [str(shoe.pk)]


def test_the_manifest_is_not_for_everybody() -> None:
    batch = Batch.objects.create(finished_at=timezone.now())
    assert staff("view_master").get(f"{BATCHES}{batch.pk}/manifest.csv").status_code == 403
