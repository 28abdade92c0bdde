"""The ledger's moves: who comes second changes nothing."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from jobs import ledger
from jobs.backoff import Backoff
from jobs.errors import LeaseLost
from jobs.models import Batch, Job, State
from jobs.signals import batch_ended, job_ended
from tests.jobs.conftest import MakeKind

pytestmark = pytest.mark.django_db
QUEUES = ("renders", "notifications", "upkeep")


@pytest.fixture(autouse=True)
def errand(make_kind: MakeKind) -> str:
    return make_kind()


def claim(now: datetime | None = None, queues: tuple[str, ...] = QUEUES, lease_seconds: float = 30) -> Job | None:
    return ledger.claim(queues, worker="test:1", lease_seconds=lease_seconds, now=now)


def claimed(now: datetime | None = None, lease_seconds: float = 30) -> Job:
    job = claim(now, lease_seconds=lease_seconds)
    assert job is not None
    return job


def stored(job: Job) -> Job:
    return Job.objects.get(id=job.id)


def test_a_claim_is_counted_and_has_a_lease(errand: str) -> None:
    ledger.enqueue(errand, {"n": 1})
    now = timezone.now()
    job = claimed(now)
    row = stored(job)
    assert (row.state, row.attempts, row.worker, row.payload) == ("running", 1, "test:1", {"n": 1})
    assert row.lease_until == now + timedelta(seconds=30)
    assert row.token == job.token is not None
    assert claim() is None


def test_an_unknown_kind_is_refused_when_it_is_written_down() -> None:
    with pytest.raises(LookupError, match=r"Expected one of .*errand.* for kind, received 'magic'"):
        ledger.enqueue("magic", {})


def test_what_is_not_due_waits(errand: str) -> None:
    now = timezone.now()
    ledger.enqueue(errand, {}, run_at=now + timedelta(minutes=1))
    assert claim(now) is None
    assert claim(now + timedelta(minutes=1)) is not None


def test_higher_priorities_go_first_then_the_older(errand: str) -> None:
    now = timezone.now()
    names = {
        ledger.enqueue(errand, {}, priority=priority, run_at=now - timedelta(seconds=age)).id: name
        for name, priority, age in (("young", 0, 1), ("old", 0, 9), ("urgent", 5, 0), ("idle", -5, 60))
    }
    assert [names[claimed(now).id] for _ in range(4)] == ["urgent", "old", "young", "idle"]


def test_a_queue_that_is_not_asked_for_is_left_alone(errand: str, make_kind: MakeKind) -> None:
    ledger.enqueue(make_kind(name="letter", queue="notifications"), {})
    assert claim(queues=("renders",)) is None
    assert claim(queues=("notifications",)) is not None


def test_a_key_stands_for_one_job(errand: str) -> None:
    first = ledger.enqueue(errand, {"n": 1}, key="once")
    assert ledger.enqueue(errand, {"n": 2}, key="once").id == first.id
    assert [job.payload for job in Job.objects.all()] == [{"n": 1}]


def test_a_job_is_not_there_before_its_transaction_ends(errand: str) -> None:
    with transaction.atomic():
        ledger.enqueue(errand, {})
        transaction.set_rollback(True)
    assert claim() is None


def test_a_finished_job_keeps_its_result(errand: str) -> None:
    ledger.enqueue(errand, {})
    job = claimed()
    ledger.save_progress(job, progress=0.5, result={"half": True})
    assert (stored(job).progress, stored(job).result) == (0.5, {"half": True})
    ledger.finish(job, result={"all": True})
    row = stored(job)
    assert (row.state, row.progress, row.result, row.token, row.lease_until) == ("done", 1.0, {"all": True}, None, None)
    assert row.finished_at is not None


def test_a_failed_attempt_comes_back_later_and_the_last_one_is_a_dead_letter(make_kind: MakeKind) -> None:
    kind = make_kind(max_attempts=2, backoff=Backoff(first_seconds=10))
    now = timezone.now()
    ledger.enqueue(kind, {}, run_at=now)
    ledger.fail(job := claimed(now), "The picture is shy.", detail="Traceback", now=now)
    row = stored(job)
    assert (row.state, row.error, row.detail) == ("waiting", "The picture is shy.", "Traceback")
    assert timedelta(seconds=5) <= row.run_at - now <= timedelta(seconds=15)
    assert claim(now) is None
    ledger.fail(claimed(row.run_at), "It still is.", now=now)
    row = stored(job)
    assert (row.state, row.attempts, row.error) == ("failed", 2, "It still is.")
    assert claim(now + timedelta(days=9)) is None


def test_a_rejected_job_is_not_tried_again(errand: str) -> None:
    ledger.enqueue(errand, {})
    ledger.fail(job := claimed(), "Never.", again=False)
    assert (stored(job).state, stored(job).attempts) == ("failed", 1)


def test_a_dead_letter_can_be_driven_again_with_all_its_attempts(errand: str) -> None:
    ledger.enqueue(errand, {}, max_attempts=1)
    ledger.fail(job := claimed(), "No.")
    assert ledger.retry(job)
    row = stored(job)
    assert (row.state, row.attempts, row.error, row.finished_at) == ("waiting", 0, "", None)
    assert claim() is not None


@pytest.mark.parametrize("state", [State.WAITING, State.RUNNING, State.DONE])
def test_only_what_failed_or_was_cancelled_is_driven_again(errand: str, state: State) -> None:
    job = ledger.enqueue(errand, {})
    if state != State.WAITING:
        job = claimed()
    if state == State.DONE:
        ledger.finish(job)
    assert not ledger.retry(job)
    assert stored(job).state == state


def test_a_worker_that_slept_past_its_lease_changes_nothing(errand: str) -> None:
    now = timezone.now()
    ledger.enqueue(errand, {}, run_at=now)
    sleeper = claimed(now)
    later = now + timedelta(seconds=31)
    assert ledger.release_lost(later) == 1
    heir = claimed(later + timedelta(hours=1))
    for move in (
        lambda: ledger.finish(sleeper, result={"by": "sleeper"}),
        lambda: ledger.fail(sleeper, "No."),
        lambda: ledger.save_progress(sleeper, progress=0.9),
        lambda: ledger.heartbeat(sleeper.id, sleeper.token, lease_seconds=30),
        lambda: ledger.hand_back(sleeper, sleeper.token),
    ):
        with pytest.raises(LeaseLost):
            move()
    row = stored(heir)
    assert (row.state, row.token, row.progress, row.result) == ("running", heir.token, 0.0, {})


def test_a_lost_worker_costs_an_attempt_and_the_last_one_tells_why(errand: str) -> None:
    now = timezone.now()
    ledger.enqueue(errand, {}, max_attempts=1, run_at=now)
    job = claimed(now)
    assert ledger.release_lost(now + timedelta(seconds=29)) == 0
    assert ledger.release_lost(now + timedelta(seconds=31)) == 1
    assert (stored(job).state, stored(job).error) == ("failed", ledger.LOST)


def test_a_heartbeat_prolongs_the_lease(errand: str) -> None:
    now = timezone.now()
    ledger.enqueue(errand, {}, run_at=now)
    job = claimed(now)
    ledger.heartbeat(job.id, job.token, lease_seconds=30, now=now + timedelta(seconds=20))
    assert ledger.release_lost(now + timedelta(seconds=45)) == 0


def test_what_is_handed_back_can_be_taken_at_once_and_the_attempt_does_not_count(errand: str) -> None:
    ledger.enqueue(errand, {})
    job = claimed()
    ledger.hand_back(job, job.token)
    assert stored(job).attempts == 0
    assert claimed().id == job.id


def test_a_cancelled_job_is_its_workers_no_more(errand: str) -> None:
    ledger.enqueue(errand, {})
    job = claimed()
    assert ledger.cancel(job)
    with pytest.raises(LeaseLost):
        ledger.finish(job)
    row = stored(job)
    assert (row.state, row.error, row.token) == ("cancelled", "It was cancelled.", None)
    assert not ledger.cancel(job)


def test_a_job_of_the_brokers_is_taken_once(errand: str) -> None:
    job = ledger.enqueue(errand, {})
    assert ledger.claim_one(job.id, worker="a", lease_seconds=30) is not None
    assert ledger.claim_one(job.id, worker="b", lease_seconds=30) is None


def test_a_batch_ends_with_its_last_job(errand: str) -> None:
    batch = Batch.objects.create(name="summer")
    ledger.enqueue_many(errand, [{"n": n} for n in range(3)], batch=batch)
    ended: list[Batch] = []

    def hear(batch: Batch, **_: object) -> None:
        ended.append(batch)

    batch_ended.connect(hear)
    try:
        ledger.finish(claimed())
        ledger.fail(claimed(), "No.", again=False)
        batch.refresh_from_db()
        assert (batch.finished_at, ended) == (None, [])
        ledger.cancel(claimed())
    finally:
        batch_ended.disconnect(hear)
    batch.refresh_from_db()
    assert batch.finished_at is not None
    assert ended == [batch]


def test_a_batch_is_cancelled_whole_and_what_was_done_stays(errand: str) -> None:
    batch = Batch.objects.create()
    ledger.enqueue_many(errand, [{} for _ in range(5)], batch=batch)
    ledger.finish(claimed())
    running = claimed()
    assert ledger.cancel_batch(batch) == 4
    batch.refresh_from_db()
    assert batch.finished_at is not None
    assert sorted(batch.jobs.values_list("state", flat=True)) == ["cancelled"] * 4 + ["done"]
    with pytest.raises(LeaseLost):
        ledger.finish(running)


def test_the_end_is_told_within_its_transaction_and_only_of_kinds_that_are_told(make_kind: MakeKind) -> None:
    heard: list[tuple[str, bool]] = []

    def hear(job: Job, **_: object) -> None:
        heard.append((job.kind, connection.in_atomic_block))

    job_ended.connect(hear)
    try:
        for kind in (make_kind(name="quiet"), make_kind(name="loud", is_told=True)):
            ledger.enqueue(kind, {})
            ledger.finish(claimed())
    finally:
        job_ended.disconnect(hear)
    assert heard == [("loud", True)]


def test_backoff_grows_is_capped_and_never_overflows() -> None:
    backoff = Backoff(first_seconds=2, most_seconds=100)
    for attempts, nominal in ((1, 2), (2, 4), (5, 32), (7, 100), (10_000, 100)):
        pauses = [backoff.seconds(attempts) for _ in range(50)]
        assert 0.5 * nominal <= min(pauses) < max(pauses) <= 1.5 * nominal


def test_a_claim_finds_its_job_by_the_index_without_sorting(errand: str) -> None:
    ledger.enqueue_many(errand, [{} for _ in range(2000)], batch=None)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    plan = ledger._due("renders", timezone.now())[:1].explain()
    assert "job_to_claim" in plan
    assert "sort" not in plan.lower().replace("order by", "sort")
