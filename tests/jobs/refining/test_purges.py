"""A purge wins over the finals that are waiting or being made."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from assets.models import Master
from delivery import comparing
from delivery.purge import purge_master, purge_masters
from delivery.service import service
from delivery.variants import VariantRequest
from jobs import refining
from jobs.notifications.models import Event
from tests.delivery.world import Renderer, asked, digest_of, master, saved
from tests.jobs.refining.world import PARAMS, refinements, stored, work

pytestmark = pytest.mark.django_db


def test_a_purge_cancels_what_waits_and_the_next_draft_has_a_job_at_once(request_: VariantRequest) -> None:
    service().fetch(request_)
    purge_master(request_.master)
    assert [job.state for job in refinements()] == ["cancelled"]
    service().fetch(request_)
    assert [job.state for job in refinements()] == ["cancelled", "waiting"]
    assert work().state == "done"


def test_a_draft_that_is_made_while_a_purge_is_under_way_has_a_job_at_once(request_: VariantRequest) -> None:
    """Jobs are cancelled first and the purge is written down last: a large Redis takes seconds in between."""
    service().fetch(request_)
    refining.void(digests=[request_.key.digest])
    service().purge(request_.key.digest)
    service().fetch(request_)
    assert [job.state for job in refinements()] == ["cancelled", "waiting"]


def test_a_purge_while_the_final_is_made_wins(request_: VariantRequest, render: Renderer, listener: None) -> None:
    service().fetch(request_)
    render.before = lambda: purge_master(request_.master)
    job = work()
    assert job.state == "cancelled"
    assert stored(request_) is None
    assert not Event.objects.exists()
    render.before = lambda: None
    service().fetch(request_)
    assert work().state == "done"


def test_a_purge_after_the_final_lets_the_next_draft_have_another(request_: VariantRequest) -> None:
    service().fetch(request_)
    assert work().state == "done"
    purge_master(request_.master)
    assert service().fetch(request_).entry.receipt.provisional
    assert work().state == "done"
    assert stored(request_) is not None
    assert len(refinements()) == 2


def test_a_purge_leaves_other_masters_jobs_alone(request_: VariantRequest, render: Renderer) -> None:
    other = asked(saved(master("boot", key="products/boot")), PARAMS)
    for one in (request_, other):
        service().fetch(one)
    purge_master(request_.master)
    assert [job.state for job in refinements()] == ["cancelled", "waiting"]


def test_a_purge_of_many_asks_for_their_jobs_once(
    render: Renderer, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    masters = [saved(master(f"m{number}")) for number in range(4)]
    for one in masters:
        service().fetch(asked(one, PARAMS))
    with django_assert_num_queries(1):
        refining.void(digests=[digest_of("somebody else's")])
    purge_masters(Master.objects.all())
    assert {job.state for job in refinements()} == {"cancelled"}


def test_a_purge_while_rivals_are_compared_keeps_none(
    shoe: Master, render: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = asked(shoe, "w=1200")
    service().fetch(request)
    said: list[bool] = []

    def render_together(requests: Any, *, is_current: Any) -> list[Any]:
        said.append(is_current())
        purge_master(shoe)
        said.append(is_current())
        return [render(each) for each in requests]

    monkeypatch.setattr(comparing, "render_together", render_together)
    assert work().state == "cancelled"
    assert said == [True, False]
    assert stored(request) is None
