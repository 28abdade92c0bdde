"""What is kept of the outbox, and for how long."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jobs import ledger, upkeep
from jobs.claim import Claim
from jobs.models import Job, State
from jobs.notifications import endpoint_secrets
from jobs.notifications.models import Delivery, EndpointSecret, Event
from jobs.running import run
from tests.assets.origins.site import Site
from tests.jobs.notifications.world import Clock, ended, endpoint, work

pytestmark = pytest.mark.django_db


def prune(kind: str = "prune_outbox") -> Job:
    job = ledger.enqueue(kind, {})
    taken = ledger.claim_one(job.id, worker="test", lease_seconds=30)
    assert taken is not None
    run(Claim(taken))
    return Job.objects.get(id=job.id)


def test_old_events_go_and_what_still_waits_to_be_told_stays(site: Site, clock: Clock) -> None:
    endpoint(site, event_types=["job.completed"])
    ended()
    work()
    waiting = ended()
    clock.move(days=31)
    fresh = ended()
    job = prune()
    assert (job.state, job.result) == (State.DONE, {"removed": 1})
    assert set(Event.objects.values_list("subject", flat=True)) == {str(waiting.id), str(fresh.id)}
    assert Delivery.objects.count() == 2


def test_more_events_than_one_statement_takes_are_removed(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.notifications.pruning.PRUNE_AT_ONCE", 3)
    Event.objects.bulk_create(Event(type="x", subject="y", data={}, created_at=clock.now()) for _ in range(10))
    clock.move(days=31)
    assert prune().result == {"removed": 10}


def test_the_ledgers_own_pruning_takes_deliveries_with_their_jobs(site: Site, clock: Clock) -> None:
    endpoint(site, event_types=["job.completed"])
    ended()
    work()
    clock.move(days=31)
    prune("prune")
    assert not Delivery.objects.exists()
    assert Event.objects.count() == 1, "and the event's turn comes"


def test_secrets_that_have_ended_go(clock: Clock) -> None:
    made, _ = endpoint(url="https://shop.example/")
    endpoint_secrets.rotate(made, timedelta(hours=1))
    clock.move(hours=2)
    prune()
    assert EndpointSecret.objects.count() == 1


def test_it_is_on_the_schedule() -> None:
    upkeep._written.clear()
    upkeep.enqueue_due()
    assert Job.objects.filter(kind="prune_outbox").count() == 1
