"""What the sweeper sends again: as much as the broker has too little, and no more."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from jobs import announcements, ledger, upkeep
from jobs.announcements import Announcement
from jobs.engines import celery, sweeper
from jobs.engines.line import BrokerAway
from jobs.engines.sweeper import Sweeper, send_forgotten
from jobs.models import Job
from jobs.upkeep import SCHEDULE
from tests.jobs.conftest import MakeKind

pytestmark = pytest.mark.django_db


@dataclass
class FakeBroker:
    """Has queues of ids, and can be away."""

    ids: list[uuid.UUID] = field(default_factory=list)
    takes: int | None = None

    def publish(self, marked: list[Announcement], _give_up_at: float) -> int:
        taken = marked[: self.takes]
        self.ids += [announcement.job_id for announcement in taken]
        return len(taken)

    def depth(self, _queue: str) -> int:
        if self.takes == 0:
            raise BrokerAway
        return len(self.ids)


@pytest.fixture(autouse=True)
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeBroker]:
    fake = FakeBroker()
    monkeypatch.setattr(celery, "_publish", fake.publish)
    monkeypatch.setattr(celery, "depth", fake.depth)
    return fake  # type: ignore[return-value]


@pytest.fixture
def jobs(make_kind: MakeKind) -> list[Job]:
    kind = make_kind()
    return [ledger.enqueue(kind, {}) for _ in range(6)]


def grow_old(jobs: list[Job]) -> None:
    """Each of them was announced a while ago, the first the longest."""
    for age, job in enumerate(reversed(jobs)):
        announced_at = timezone.now() - timedelta(seconds=60 + age)
        Job.objects.filter(id=job.id).update(announced_at=announced_at)


def sent(broker: FakeBroker) -> list[uuid.UUID]:
    ids, broker.ids = broker.ids, []
    return ids


def test_what_the_broker_has_not_been_told_is_sent_once(broker: FakeBroker, jobs: list[Job]) -> None:
    sweeper.sweep()
    assert set(broker.ids) >= {job.id for job in jobs}
    told = len(broker.ids)
    sweeper.sweep()
    assert len(broker.ids) == told


def test_of_what_the_broker_did_not_take_it_is_told_next_time(broker: FakeBroker, jobs: list[Job]) -> None:
    broker.takes = 2
    assert celery.send_ids([job.id for job in jobs]) == 2
    broker.takes = 0
    assert celery.send_ids([job.id for job in jobs]) == 0
    broker.takes = None
    assert celery.send_ids([job.id for job in jobs]) == 4
    assert broker.ids == [job.id for job in jobs]


def test_a_long_honest_queue_is_left_alone(broker: FakeBroker, jobs: list[Job]) -> None:
    celery.send_ids([job.id for job in jobs])
    grow_old(jobs)
    assert send_forgotten() == 0
    assert len(broker.ids) == 6


def test_as_many_as_were_forgotten_are_sent_the_longest_announced_first(broker: FakeBroker, jobs: list[Job]) -> None:
    celery.send_ids([job.id for job in jobs])
    grow_old(jobs)
    del broker.ids[:2]
    assert send_forgotten() == 2
    assert broker.ids[-2:] == [jobs[0].id, jobs[1].id]
    assert send_forgotten() == 0
    assert len(broker.ids) == 6


def test_many_sweepers_send_what_was_forgotten_once(broker: FakeBroker, jobs: list[Job]) -> None:
    celery.send_ids([job.id for job in jobs])
    grow_old(jobs)
    broker.ids.clear()
    counted = [announcements.find_overdue("renders", timezone.now(), 10) for _ in range(2)]
    before = timezone.now() - timedelta(seconds=5)
    assert [celery.send_ids(ids, marked_before=before) for ids in counted] == [6, 0]


def test_what_was_announced_just_now_may_still_be_on_its_way(broker: FakeBroker, jobs: list[Job]) -> None:
    celery.send_ids([job.id for job in jobs])
    broker.ids.clear()
    assert send_forgotten() == 0


def test_nothing_is_sent_again_while_the_broker_is_away(broker: FakeBroker, jobs: list[Job]) -> None:
    celery.send_ids([job.id for job in jobs])
    grow_old(jobs)
    broker.ids.clear()
    broker.takes = 0
    assert send_forgotten() == 0


def test_a_lost_job_is_released_and_sent_when_it_is_due_again(broker: FakeBroker, make_kind: MakeKind) -> None:
    job = ledger.enqueue(make_kind(), {})
    sweeper.sweep()
    sent(broker)
    long_ago = timezone.now() - timedelta(minutes=5)
    assert ledger.claim_one(job.id, worker="test:1", lease_seconds=30, now=long_ago)
    sweeper.sweep()
    assert sent(broker) == [], "it waits first"
    Job.objects.filter(id=job.id).update(run_at=long_ago)
    sweeper.sweep()
    assert sent(broker) == [job.id]


def test_periodic_work_is_written_down_and_sent(broker: FakeBroker) -> None:
    sweeper.sweep()
    wanted = {periodic.kind for periodic in SCHEDULE if periodic.is_wanted()}
    assert {job.kind for job in Job.objects.filter(id__in=broker.ids)} == wanted
    assert "prune" in wanted


def test_what_is_due_is_sent_though_the_clock_s_work_cannot_be_written_down(
    broker: FakeBroker, make_kind: MakeKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that was stopped between writing it and its commit keeps others waiting to their time limit."""

    def held() -> None:
        raise OperationalError("canceling statement due to statement timeout")

    monkeypatch.setattr(upkeep, "enqueue_due", held)
    job = ledger.enqueue(make_kind(), {})
    with pytest.raises(OperationalError):
        sweeper.sweep()
    assert sent(broker) == [job.id]


@pytest.mark.parametrize("error", [InterfaceError("connection already closed"), KeyError("a fault of ours")])
def test_a_round_that_fails_is_not_the_last(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(sweeper, "sweep", fail)
    monkeypatch.setattr(connection, "close", lambda: None)
    Sweeper(lease_seconds=30).round()
