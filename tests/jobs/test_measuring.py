"""Measuring in the background: bounded, out of the way of renders, and coming to an end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from delivery.models import Variant
from jobs import ledger, measuring, running, upkeep
from jobs.claim import Claim
from jobs.measuring import KIND, MOST_UNDER_STRAIN, SAMPLE, is_wanted
from jobs.models import Job
from pipeline.errors import Busy, RenderFailed
from pipeline.pool import RenderPool
from pipeline.receipt import Receipt
from tests.delivery.figures import Figures
from tests.jobs.conftest import MakeKind

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


class Settled:
    """In place of `settle`: takes each variant's number down, and does not measure."""

    def __init__(self) -> None:
        self.widths: list[int] = []
        self.before: Callable[[], object] = lambda: None
        self.stays = False

    def __call__(self, variant: Variant) -> Receipt | None:
        self.before()
        self.widths.append(variant.width)
        if self.stays:
            return None
        Variant.objects.filter(id=variant.id).update(is_pending=False)
        return Receipt(state="measured")


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> Settled:
    settled = Settled()
    monkeypatch.setattr(measuring, "settle", settled)
    return settled


def each_takes_a_second(settled: Settled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.measuring.time.monotonic", lambda: float(len(settled.widths)))


def wait(number: int, *, after: int = 0) -> None:
    """This will have so many variants wait to be measured, wider than `after`; the widest is the newest."""
    Variant.objects.bulk_create(
        Variant(
            key=f"{width:064}", digest="d", params="", format="webp", width=width, height=1, byte_size=1, etag="e",
            render_ms=1, is_pending=True, created_at=NOON + timedelta(seconds=width),
        )
        for width in range(after + 1, after + number + 1)
    )  # fmt: skip


def work() -> dict[str, Any]:
    ledger.enqueue(KIND, {})
    job = ledger.claim(["upkeep"], worker="test:1", lease_seconds=30)
    assert job is not None
    running.run(Claim(job))
    job.refresh_from_db()
    assert job.state == "done", job.error
    return dict(job.result)


def test_measures_all_that_waits_the_newest_first(settled: Settled) -> None:
    wait(12)
    assert work() == {"measured": 12, "skipped": 0, "ranOut": False, "left": 0}
    assert settled.widths == list(range(12, 0, -1))


def test_stops_when_its_time_is_over_and_the_next_run_takes_samples(
    settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    each_takes_a_second(settled, monkeypatch)
    wait(60)
    figures = Figures()
    assert work() == {"measured": 10, "skipped": 0, "ranOut": True, "left": 50}
    assert settled.widths == list(range(60, 50, -1))
    wait(10, after=60)
    assert work() == {"measured": 6, "skipped": 54, "ranOut": False, "left": 54}
    assert settled.widths[10:] == [70, 50, 40, 30, 20, 10], "one of ten, over all that waits"
    assert figures.grown("imgopt_quality_receipts_total", state="skipped") == 54
    assert work()["measured"] == 10, "what was passed over has its turn"


def test_what_the_last_run_left_is_measured_in_full_where_nothing_comes(
    settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    each_takes_a_second(settled, monkeypatch)
    wait(25)
    assert [work()["measured"] for _ in range(3)] == [10, 10, 5], "an idle machine takes no samples"
    assert settled.widths == list(range(25, 0, -1))


def test_a_run_that_came_to_no_end_long_ago_says_nothing_of_now(settled: Settled) -> None:
    ledger.enqueue(KIND, {})
    job = ledger.claim(["upkeep"], worker="test:1", lease_seconds=30)
    assert job is not None
    ledger.finish(job, result={"ranOut": True})
    wait(3)
    Job.objects.update(created_at=NOON)
    assert work()["measured"] == 3


def test_while_renders_wait_some_of_the_newest_will_do(settled: Settled, make_kind: MakeKind) -> None:
    ledger.enqueue(make_kind(), {})
    wait(MOST_UNDER_STRAIN + 50)
    sampled = MOST_UNDER_STRAIN // SAMPLE
    assert work() == {"measured": sampled, "skipped": MOST_UNDER_STRAIN - sampled, "ranOut": False, "left": 140}
    assert settled.widths[:2] == [150, 140]


@pytest.mark.parametrize("other", [{"run_at": datetime(2099, 1, 1, tzinfo=UTC)}, {"queue": "notifications"}])
def test_what_waits_for_something_else_is_no_strain(settled: Settled, make_kind: MakeKind, other: Any) -> None:
    kind = make_kind(queue=other.pop("queue", "renders"))
    ledger.enqueue(kind, {}, **other)
    wait(11)
    assert work()["measured"] == 11


def test_renders_that_come_during_a_run_are_made_way_for(settled: Settled, make_kind: MakeKind) -> None:
    kind = make_kind()
    settled.before = lambda: ledger.enqueue(kind, {}) if len(settled.widths) == 2 else None
    wait(13)
    assert work() == {"measured": 4, "skipped": 9, "ranOut": False, "left": 9}
    assert settled.widths == [13, 12, 11, 3]


def test_stops_where_nothing_can_be_measured(settled: Settled) -> None:
    def full() -> None:
        raise Busy("full")

    settled.before = full
    wait(5)
    assert work() == {"measured": 0, "skipped": 0, "ranOut": True, "left": 5}


def test_children_that_are_not_fit_to_work_are_not_the_variants_fault(
    settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unfit(_self: RenderPool) -> None:
        raise RenderFailed("The render pool refuses to work until it is restarted.")

    monkeypatch.setattr(RenderPool, "ping", unfit)
    wait(3)
    ledger.enqueue(KIND, {})
    job = ledger.claim(["upkeep"], worker="test:1", lease_seconds=30)
    assert job is not None
    running.run(Claim(job))
    job.refresh_from_db()
    assert (job.state, settled.widths, Variant.objects.filter(is_pending=True).count()) == ("failed", [], 3)


def test_what_cannot_be_measured_now_is_asked_once_a_run(settled: Settled) -> None:
    settled.stays = True
    wait(120)
    assert work()["measured"] == 0
    assert len(settled.widths) == 120


def test_stops_when_the_claim_is_lost(settled: Settled) -> None:
    wait(5)
    ledger.enqueue(KIND, {})
    job = ledger.claim(["upkeep"], worker="test:1", lease_seconds=30)
    assert job is not None
    claim = Claim(job)

    def lost() -> None:
        claim.is_lost = len(settled.widths) == 1

    settled.before = lost
    running.run(claim)
    assert settled.widths == [5, 4]


def test_is_written_down_only_where_something_waits(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    upkeep.enqueue_due(NOON)
    assert not Job.objects.filter(kind=KIND).exists()
    wait(1)
    with django_assert_num_queries(0):
        upkeep.enqueue_due(NOON + timedelta(seconds=19))
    upkeep.enqueue_due(NOON + timedelta(seconds=20))
    upkeep.enqueue_due(NOON + timedelta(seconds=39))
    assert Job.objects.filter(kind=KIND, queue="upkeep").count() == 1
    upkeep.enqueue_due(NOON + timedelta(seconds=40))
    assert Job.objects.filter(kind=KIND).count() == 2
    assert is_wanted()
