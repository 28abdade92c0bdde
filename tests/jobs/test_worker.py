"""The table's worker: some jobs of each queue at a time, and an orderly end."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Collection, Iterator
from typing import Any

import pytest

from jobs import ledger, upkeep, worker
from jobs.claim import Claim
from jobs.models import Job
from jobs.worker import Worker, WorkerConfig

WAIT_SECONDS = 30


class World:
    """A ledger that always has a job, and handlers that last until they are let go."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.handed_back: list[uuid.UUID] = []
        self.began, self.let_go = threading.Event(), threading.Event()
        self.has_jobs = True

    def claim(self, queues: Collection[str], **_: Any) -> Job | None:
        self.asked.append(list(queues))
        if not queues or not self.has_jobs:
            return None
        return Job(id=uuid.uuid4(), token=uuid.uuid4(), queue=next(iter(queues)))

    def hand_back(self, job: Job, _token: uuid.UUID) -> None:
        self.handed_back.append(job.id)

    def run(self, _claim: Claim) -> None:
        self.began.set()
        self.let_go.wait(WAIT_SECONDS)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = World()
    monkeypatch.setattr(ledger, "claim", made.claim)
    monkeypatch.setattr(ledger, "hand_back", made.hand_back)
    monkeypatch.setattr(ledger, "release_lost", lambda: 0)
    monkeypatch.setattr(upkeep, "enqueue_due", lambda: None)
    monkeypatch.setattr(worker, "run", made.run)
    yield made
    made.let_go.set()


def hire(grace_seconds: float = WAIT_SECONDS, **places: int) -> Worker:
    return Worker(WorkerConfig(places=places, lease_seconds=1000, grace_seconds=grace_seconds))


def test_a_queue_whose_places_are_taken_is_not_asked(world: World) -> None:
    one = hire(renders=2, upkeep=1)
    while one._claim_next():
        pass
    assert world.asked == [["renders", "upkeep"], ["renders", "upkeep"], ["upkeep"], []]
    assert (one.leases.in_queue("renders"), one.leases.in_queue("upkeep")) == (2, 1)


def test_a_worker_that_is_told_to_end_takes_nothing_new_and_waits_for_what_it_has(world: World) -> None:
    one = hire(renders=1)
    thread = threading.Thread(target=one.run)
    thread.start()
    assert world.began.wait(WAIT_SECONDS)
    one.stop()
    world.let_go.set()
    thread.join(WAIT_SECONDS)
    assert not thread.is_alive()
    assert world.handed_back == []


def test_what_does_not_end_within_the_grace_is_handed_back(world: World) -> None:
    one = hire(grace_seconds=0, renders=2)
    assert one._claim_next()
    assert one._claim_next()
    one._finish()
    assert len(world.handed_back) == 2


def test_until_idle_it_ends_when_nothing_is_due_or_under_way(world: World) -> None:
    one = hire(renders=1)
    world.has_jobs = False
    one.run(until_idle=True)
    assert world.asked == [["renders"]]
