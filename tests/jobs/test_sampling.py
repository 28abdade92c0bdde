"""The ledger in figures."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from delivery.counters import REGISTRY
from jobs import ledger, sampling
from tests.delivery.figures import Figures
from tests.jobs.conftest import MakeKind
from tests.jobs.test_running import attempt

pytestmark = pytest.mark.django_db


def live(queue: str, state: str) -> float | None:
    return REGISTRY.get_sample_value("imgopt_jobs_live", {"queue": queue, "state": state})


def test_what_waits_and_runs_is_told_by_queue(make_kind: MakeKind) -> None:
    make_kind()
    for _ in range(3):
        ledger.enqueue("errand", {})
    job = ledger.claim(["renders"], worker="test:1", lease_seconds=30)
    sampling.sample_ledger()
    assert (live("renders", "waiting"), live("renders", "running"), live("upkeep", "waiting")) == (2, 1, 0)
    assert job is not None
    ledger.finish(job)
    sampling.sample_ledger()
    assert live("renders", "running") == 0


def test_the_job_that_has_waited_longest_is_told_by_queue(make_kind: MakeKind) -> None:
    make_kind()
    now = timezone.now()
    for minutes in (3, 9, -20):  # the last is not due yet
        ledger.enqueue("errand", {}, run_at=now - timedelta(minutes=minutes))
    sampling.sample_ledger()
    waited = REGISTRY.get_sample_value("imgopt_jobs_oldest_wait_seconds", {"queue": "renders"})
    assert waited is not None
    assert 9 * 60 <= waited < 9 * 60 + 60
    assert REGISTRY.get_sample_value("imgopt_jobs_oldest_wait_seconds", {"queue": "upkeep"}) == 0


def test_attempts_are_counted_by_what_came_of_them(make_kind: MakeKind) -> None:
    figures = Figures()
    attempt(make_kind())
    assert figures.grown("imgopt_jobs_total", kind="errand", outcome="done") == 1
    assert figures.grown("imgopt_job_seconds_count", kind="errand") == 1
    assert figures.grown("imgopt_job_wait_seconds_count", kind="errand") == 1
