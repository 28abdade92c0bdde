"""Of many who would send a job's id, one does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from jobs import announcements, ledger
from jobs.models import Job
from tests.jobs.conftest import MakeKind

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def errand(make_kind: MakeKind) -> str:
    return make_kind()


def announced_ago(job: Job, seconds: float) -> None:
    Job.objects.filter(id=job.id).update(announced_at=timezone.now() - timedelta(seconds=seconds))


def test_a_job_is_marked_once(errand: str) -> None:
    job = ledger.enqueue(errand, {}, priority=3)
    [announcement] = announcements.mark([job.id])
    assert (announcement.job_id, announcement.queue, announcement.priority) == (job.id, "renders", 3)
    assert announcements.mark([job.id]) == []


def test_the_order_is_kept(errand: str) -> None:
    ids = [ledger.enqueue(errand, {}).id for _ in range(5)]
    ids.reverse()
    assert [each.job_id for each in announcements.mark(ids)] == ids


def test_what_is_not_due_or_does_not_wait_is_not_marked(errand: str) -> None:
    later = ledger.enqueue(errand, {}, run_at=timezone.now() + timedelta(minutes=1))
    running = ledger.enqueue(errand, {})
    assert ledger.claim_one(running.id, worker="test:1", lease_seconds=30)
    cancelled = ledger.enqueue(errand, {})
    ledger.cancel(cancelled)
    assert announcements.mark([later.id, running.id, cancelled.id]) == []
    assert announcements.find_unmarked(10) == []


def test_what_is_unmarked_is_found_again_the_most_urgent_first(errand: str) -> None:
    low = ledger.enqueue(errand, {}, priority=-1)
    high = ledger.enqueue(errand, {}, priority=1)
    marked = announcements.mark([low.id, high.id])
    assert announcements.find_unmarked(10) == []
    announcements.unmark(marked)
    assert announcements.find_unmarked(10) == [high.id, low.id]
    assert announcements.find_unmarked(1) == [high.id]


def test_a_job_that_is_tried_again_is_announced_again(errand: str) -> None:
    job = ledger.enqueue(errand, {})
    announcements.mark([job.id])
    claimed = ledger.claim_one(job.id, worker="test:1", lease_seconds=30)
    assert claimed is not None
    ledger.hand_back(claimed, claimed.token)
    assert announcements.find_unmarked(10) == [job.id]


def test_old_marks_are_counted_by_queue_with_all_that_wait_there(errand: str, make_kind: MakeKind) -> None:
    old, fresh = ledger.enqueue(errand, {}), ledger.enqueue(errand, {})
    letter = ledger.enqueue(make_kind(name="letter", queue="notifications"), {})
    announcements.mark([old.id, fresh.id, letter.id])
    before = timezone.now() - timedelta(seconds=5)
    assert announcements.count_marked(before) == {}
    announced_ago(old, 10)
    assert announcements.count_marked(before) == {"renders": 2}
    assert announcements.find_overdue("renders", before, 10) == [old.id]


def test_an_old_mark_is_renewed_once(errand: str) -> None:
    job = ledger.enqueue(errand, {})
    announcements.mark([job.id])
    announced_ago(job, 10)
    before = timezone.now() - timedelta(seconds=5)
    assert [each.job_id for each in announcements.mark([job.id], marked_before=before)] == [job.id]
    assert announcements.mark([job.id], marked_before=before) == []


def test_who_has_been_told_may_take_it_although_his_clock_is_behind(errand: str) -> None:
    job = ledger.enqueue(errand, {})
    behind = timezone.now() - timedelta(seconds=30)
    assert ledger.claim_one(job.id, worker="test:1", lease_seconds=30, now=behind) is None
    announcements.mark([job.id])
    assert ledger.claim_one(job.id, worker="test:1", lease_seconds=30, now=behind) is not None
