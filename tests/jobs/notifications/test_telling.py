"""What is told, of whom, in which words, and that it is written exactly when it is true."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import transaction

from assets.models import Blob, Master
from delivery.models import Variant
from jobs import ledger
from jobs.claim import Claim
from jobs.errors import LeaseLost
from jobs.models import Batch, Job, State
from jobs.notifications.models import Delivery, Event
from jobs.notifications.outbox import iso
from jobs.notifications.telling import tell_final, variant_ids
from tests.jobs.notifications.world import TOLD, UNTOLD, begun, configure, ended, endpoint

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _somebody_listens(request: pytest.FixtureRequest) -> None:
    endpoint(url="https://shop.example/hook")


def told() -> list[tuple[str, dict[str, Any]]]:
    return [(event.type, event.data) for event in Event.objects.order_by("id")]


def test_a_job_is_told_when_it_begins_and_when_it_is_done() -> None:
    master, variant = str(uuid.uuid4()), str(uuid.uuid4())
    job = ended({"master": master, "tasks": [{"id": "t1"}]}, {"variants": {"t1": variant}})
    (started, before), (completed, after) = told()
    assert (started, completed) == ("job.started", "job.completed")
    assert before == {
        "jobId": str(job.id),
        "status": "processing",
        "originalId": master,
        "variantIds": [],
        "timestamp": iso(job.claimed_at),  # type: ignore[arg-type]
    }
    assert after == {
        "jobId": str(job.id),
        "status": "completed",
        "originalId": master,
        "variantIds": [variant],
        "timestamp": iso(job.finished_at),  # type: ignore[arg-type]
    }
    assert set(Event.objects.values_list("subject", flat=True)) == {str(job.id)}


def test_a_job_that_fails_for_good_is_told_with_its_reason() -> None:
    job = begun()
    ledger.fail(job, "It is no picture.", again=False)
    kind, data = told()[-1]
    assert (kind, data["status"], data["reason"]) == ("job.failed", "failed", "It is no picture.")


def test_an_attempt_that_will_be_repeated_is_nobodys_business() -> None:
    job = begun()
    ledger.fail(job, "Try again.")
    Job.objects.update(run_at=job.created_at)
    assert ledger.claim_one(job.id, worker="another", lease_seconds=30)
    assert [kind for kind, _ in told()] == ["job.started"]


def test_a_cancelled_job_is_failed_to_those_who_know_no_cancelling() -> None:
    job = begun()
    assert ledger.cancel(job)
    kind, data = told()[-1]
    assert (kind, data["status"], data["reason"]) == ("job.cancelled", "failed", "It was cancelled.")


def test_other_work_is_not_told_of() -> None:
    ended(kind=UNTOLD)
    assert not told()


def test_a_batch_is_told_with_its_counts_when_its_last_job_ends() -> None:
    batch = Batch.objects.create(name="Summer")
    done, failed, cancelled = (begun(batch=batch, kind=UNTOLD) for _ in range(3))
    ledger.finish(done)
    ledger.fail(failed, "It is no picture.", again=False)
    assert not told()
    ledger.cancel(cancelled)
    batch.refresh_from_db()
    [(kind, data)] = told()
    assert kind == "batch.completed"
    assert data == {
        "batchId": str(batch.id),
        "name": "Summer",
        "status": "completed",
        "counts": {"total": 3, "done": 1, "failed": 1, "cancelled": 1},
        "timestamp": iso(batch.finished_at),  # type: ignore[arg-type]
    }


def test_a_final_is_told_with_what_is_known_of_the_variant() -> None:
    blob = Blob.objects.create(digest="a" * 64, byte_size=1, format="jpeg", width=1, height=1)
    master = Master.objects.create(blob=blob)
    variant = Variant(key="k" * 64, params="w=800", format="avif", width=800, height=533, byte_size=9, etag="e" * 64)
    tell_final(master, variant)
    [(kind, data)] = told()
    assert kind == "variant.final"
    assert data.pop("timestamp")
    assert data == {
        "masterId": str(master.id),
        "variantKey": "k" * 64,
        "params": "w=800",
        "format": "avif",
        "width": 800,
        "height": 533,
        "byteSize": 9,
        "etag": "e" * 64,
    }


def test_what_is_rolled_back_was_never_told() -> None:
    job = begun()
    with pytest.raises(RuntimeError), transaction.atomic(), Claim(job).finishing():
        raise RuntimeError
    job.refresh_from_db()
    assert job.state == State.RUNNING
    assert [kind for kind, _ in told()] == ["job.started"]
    assert Delivery.objects.count() == 1


def test_who_has_lost_a_job_tells_nothing() -> None:
    job = begun()
    ledger.cancel(Job.objects.get(id=job.id))
    with pytest.raises(LeaseLost):
        ledger.finish(job)
    assert [kind for kind, _ in told()] == ["job.started", "job.cancelled"]


def test_each_end_of_a_job_is_told_once_also_after_a_retry() -> None:
    job = begun()
    ledger.fail(job, "It is no picture.", again=False)
    assert ledger.retry(job)
    again = ledger.claim_one(job.id, worker="test", lease_seconds=30)
    assert again is not None
    ledger.finish(again)
    assert [kind for kind, _ in told()] == ["job.started", "job.failed", "job.started", "job.completed"]


def test_nothing_is_written_where_nobody_listens() -> None:
    from jobs.notifications.models import Endpoint

    Endpoint.objects.all().delete()
    ended()
    assert not told()
    assert set(Job.objects.values_list("kind", flat=True)) == {TOLD}


def test_each_target_gets_the_events_it_wants_in_a_job_of_its_own() -> None:
    some, _ = endpoint(url="https://a.example/", event_types=["job.failed"])
    off, _ = endpoint(url="https://b.example/", is_enabled=False)
    configure(kafka_brokers=("127.0.0.1:1",), kafka_events=("job.completed",))
    job = begun()
    ledger.fail(job, "No.", again=False)
    ended()
    found = Delivery.objects.order_by("event_id", "id").values_list("event__type", "endpoint__url", "job__kind")
    hook = "https://shop.example/hook"
    assert sorted(found, key=str) == sorted(
        [
            ("job.started", hook, "webhook"),
            ("job.failed", hook, "webhook"),
            ("job.failed", some.url, "webhook"),
            ("job.started", hook, "webhook"),
            ("job.completed", hook, "webhook"),
            ("job.completed", None, "kafka"),
        ],
        key=str,
    )
    assert not off.deliveries.exists()
    keys = Job.objects.exclude(queue="renders").values_list("idempotency_key", flat=True)
    assert len(set(keys)) == 6
    assert all(str(key).startswith("notify:") for key in keys)


@pytest.mark.parametrize(
    "payload, result, ids",
    [
        ({}, {}, []),
        ({"tasks": "x"}, {"variants": ["a"]}, []),
        ({"tasks": [{"id": 2}, {"id": 1}]}, {"variants": {"1": "a", "2": "b"}}, ["b", "a"]),
        ({"tasks": [None, {}, {"id": "x"}]}, {"variants": {"y": "a", "x": None}}, ["a"]),
    ],
)
def test_odd_payloads_are_told_as_far_as_they_are_understood(payload: Any, result: Any, ids: list[str]) -> None:
    assert variant_ids(payload, result) == ids
    job = begun(payload)
    job.result = result
    ledger.finish(job, result=result)
    assert told()[-1][1]["variantIds"] == ids
