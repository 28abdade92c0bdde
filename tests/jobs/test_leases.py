"""Leases are kept alive whatever happens, and given up in good order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from jobs import ledger
from jobs.claim import Claim
from jobs.leases import Leases
from jobs.models import Job
from tests.jobs.conftest import MakeKind

pytestmark = pytest.mark.django_db


@pytest.fixture
def take(make_kind: MakeKind) -> Callable[[], Claim]:
    def take() -> Claim:
        job = ledger.enqueue(make_kind(), {})
        claimed = ledger.claim_one(job.id, worker="test:1", lease_seconds=10)
        assert claimed is not None
        return Claim(claimed)

    return take


def test_a_lease_goes_on_from_the_last_beat(take: Callable[[], Claim]) -> None:
    held, claim = Leases(60), take()
    held.add(claim)
    held.prolong()
    until = Job.objects.get(id=claim.job.id).lease_until
    assert until is not None
    assert until > timezone.now() + timedelta(seconds=30)


def test_a_claim_that_is_gone_is_told_to_its_handler(take: Callable[[], Claim]) -> None:
    held, lost, kept = Leases(60), take(), take()
    held.add(lost)
    held.add(kept)
    ledger.cancel(lost.job)
    held.prolong()
    assert (lost.is_lost, kept.is_lost) == (True, False)


@pytest.mark.parametrize("error", [OperationalError("away"), InterfaceError("connection already closed")])
def test_one_beat_that_fails_is_not_the_last(
    take: Callable[[], Claim], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    held, claims = Leases(60), [take(), take()]
    for claim in claims:
        held.add(claim)
    beats: list[object] = []

    def heartbeat(job_id: object, *_: object, **__: object) -> None:
        beats.append(job_id)
        raise error

    monkeypatch.setattr(ledger, "heartbeat", heartbeat)
    monkeypatch.setattr(connection, "close", lambda: None)
    held.prolong()
    assert beats == [claim.job.id for claim in claims]
    assert not any(claim.is_lost for claim in claims)


def test_places_are_counted_by_queue(take: Callable[[], Claim]) -> None:
    held, claim = Leases(60), take()
    held.add(claim)
    assert (held.in_queue("renders"), held.in_queue("upkeep"), bool(held)) == (1, 0, True)
    held.remove(claim)
    assert (held.in_queue("renders"), bool(held)) == (0, False)


def test_what_is_left_after_the_grace_is_handed_back_as_if_never_taken(take: Callable[[], Claim]) -> None:
    held, claim = Leases(60), take()
    held.add(claim)
    assert held.settle(0) == 1
    job = Job.objects.get(id=claim.job.id)
    assert (job.state, job.attempts, claim.is_lost) == ("waiting", 0, True)


def test_nothing_in_hand_is_settled_at_once() -> None:
    assert Leases(60).settle(1000) == 0


def test_what_ended_in_the_last_moment_is_not_handed_back(take: Callable[[], Claim]) -> None:
    held, claim = Leases(60), take()
    held.add(claim)
    ledger.finish(claim.job)
    held.settle(0)
    assert Job.objects.get(id=claim.job.id).state == "done"
