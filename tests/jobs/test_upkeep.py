"""Periodic work, and what goes when it is old."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from jobs import ledger, running, upkeep
from jobs.claim import Claim
from jobs.models import Batch, Job
from tests.jobs.conftest import MakeKind

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def test_each_period_has_one_job_whatever_number_of_workers(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    upkeep.enqueue_due(NOON)
    upkeep._written.clear()  # as another worker would
    upkeep.enqueue_due(NOON + timedelta(minutes=59))
    assert Job.objects.filter(kind="prune").count() == 1
    with django_assert_num_queries(0):
        upkeep.enqueue_due(NOON + timedelta(minutes=59, seconds=19))
    upkeep.enqueue_due(NOON + timedelta(minutes=60))
    assert Job.objects.filter(kind="prune").count() == 2


def test_what_ended_long_ago_goes_and_all_else_stays(make_kind: MakeKind, settings: Settings) -> None:
    settings.CONFIG = replace(settings.CONFIG, jobs_keep_days=7)
    kind = make_kind()
    old, young = Batch.objects.create(name="old"), Batch.objects.create(name="young")
    for number, batch in enumerate([None, None, old, young]):
        ledger.enqueue(kind, {"n": number}, batch=batch)
    for _ in range(4):
        job = ledger.claim(["renders"], worker="test:1", lease_seconds=30)
        assert job is not None
        ledger.finish(job)
    waiting = ledger.enqueue(kind, {"n": 4}, run_at=timezone.now() - timedelta(days=99))
    week_ago = timezone.now() - timedelta(days=8)
    Job.objects.filter(payload__n__in=[0, 2]).update(finished_at=week_ago)
    Batch.objects.filter(name="old").update(finished_at=week_ago)
    ledger.enqueue("prune", {})
    prune = ledger.claim(["upkeep"], worker="test:1", lease_seconds=30)
    assert prune is not None
    running.run(Claim(prune))
    assert sorted(Job.objects.filter(kind=kind).values_list("payload__n", flat=True)) == [1, 3, 4]
    assert list(Batch.objects.values_list("name", flat=True)) == ["young"]
    assert Job.objects.get(id=waiting.id).state == "waiting"
    assert Job.objects.get(id=prune.id).result == {"removed": 3}
