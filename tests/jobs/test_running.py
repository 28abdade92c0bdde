"""One attempt: what the ledger says after each way in which a handler may end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from assets.models import Tag
from jobs import ledger, running
from jobs.claim import Claim
from jobs.errors import LeaseLost, Reject
from jobs.kinds import KINDS
from jobs.models import Job
from pipeline.errors import Busy, DamagedImage, RenderFailed
from tests.jobs.conftest import MakeKind

pytestmark = pytest.mark.django_db


def attempt(kind: str, **options: object) -> Job:
    """Enqueues, claims and runs one job, and gives its row."""
    job = ledger.enqueue(kind, {}, **options)  # type: ignore[arg-type]
    return again(job)


def again(job: Job) -> Job:
    claimed = ledger.claim_one(job.id, worker="test:1", lease_seconds=30, now=timezone.now() + timedelta(days=1))
    assert claimed is not None
    running.run(Claim(claimed))
    return Job.objects.get(id=job.id)


def test_a_handler_that_returns_has_done_its_job(make_kind: MakeKind) -> None:
    assert attempt(make_kind(lambda claim: claim.progress(0.3))).state == "done"


@pytest.mark.parametrize("error", [Busy("Later."), RenderFailed("Its render process died.")])
def test_what_may_go_better_next_time_is_tried_again(make_kind: MakeKind, error: Exception) -> None:
    def handler(_claim: Claim) -> None:
        raise error

    job = attempt(make_kind(handler))
    assert (job.state, job.error, job.attempts) == ("waiting", str(error), 1)
    assert "raise error" in job.detail


@pytest.mark.parametrize("error", [Reject("Never."), DamagedImage("It is cut short.")])
def test_what_can_never_succeed_is_not_tried_again(make_kind: MakeKind, error: Exception) -> None:
    def handler(_claim: Claim) -> None:
        raise error

    job = attempt(make_kind(handler))
    assert (job.state, job.error, job.attempts) == ("failed", str(error), 1)


def test_a_poison_job_is_a_dead_letter_after_its_attempts(make_kind: MakeKind) -> None:
    def handler(_claim: Claim) -> None:
        raise RenderFailed("Its render process died.")

    job = attempt(make_kind(handler, max_attempts=3))
    job = again(again(job))
    assert (job.state, job.error, job.attempts) == ("failed", "Its render process died.", 3)


def test_what_nobody_expected_is_not_told_to_the_public(make_kind: MakeKind) -> None:
    def handler(_claim: Claim) -> None:
        raise ValueError("password=hunter2")

    job = attempt(make_kind(handler))
    assert (job.state, job.error) == ("waiting", running.UNEXPECTED)
    assert "hunter2" in job.detail


def test_what_is_written_while_finishing_is_undone_with_it(make_kind: MakeKind) -> None:
    def handler(claim: Claim) -> None:
        with claim.finishing(tag="kept"):
            Tag.objects.create(name="kept")
            raise Busy("Later.")

    job = attempt(make_kind(handler))
    assert (job.state, job.result, Tag.objects.count()) == ("waiting", {}, 0)


def test_what_is_written_while_finishing_is_there_with_it(make_kind: MakeKind) -> None:
    def handler(claim: Claim) -> None:
        with claim.saving(progress=0.5, first=1):
            Tag.objects.create(name="one")
        with claim.finishing(second=2):
            Tag.objects.create(name="two")

    job = attempt(make_kind(handler))
    assert (job.state, job.result, Tag.objects.count()) == ("done", {"first": 1, "second": 2}, 2)


def test_whoever_has_lost_the_job_writes_nothing(make_kind: MakeKind) -> None:
    def handler(claim: Claim) -> None:
        ledger.cancel(Job.objects.get(id=claim.job.id))
        with claim.finishing():
            Tag.objects.create(name="late")

    job = attempt(make_kind(handler))
    assert (job.state, Tag.objects.count()) == ("cancelled", 0)


def test_a_handler_hears_at_its_next_step_that_the_job_was_cancelled(make_kind: MakeKind) -> None:
    steps = []

    def handler(claim: Claim) -> None:
        for step in range(3):
            claim.progress(step / 3)
            steps.append(step)
            ledger.cancel(Job.objects.get(id=claim.job.id))

    assert attempt(make_kind(handler)).state == "cancelled"
    assert steps == [0]


def test_a_claim_that_the_heartbeat_found_lost_goes_no_further(make_kind: MakeKind) -> None:
    job = ledger.enqueue(make_kind(), {})
    claimed = ledger.claim_one(job.id, worker="test:1", lease_seconds=30)
    assert claimed is not None
    claim = Claim(claimed)
    claim.is_lost = True
    with pytest.raises(LeaseLost):
        claim.check()
    with pytest.raises(LeaseLost), claim.finishing():
        pytest.fail("it went on")


def test_a_kind_that_this_version_does_not_know_waits_for_one_that_does(
    make_kind: MakeKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = ledger.enqueue(make_kind(), {})
    monkeypatch.delitem(KINDS, "errand")
    job = again(job)
    assert (job.state, job.error) == ("waiting", running.UNEXPECTED)
    assert "Expected one of" in job.detail
