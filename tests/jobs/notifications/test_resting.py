"""A target that fails is left alone, what waits for it waits with it, and others do not notice."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db.models import QuerySet

from jobs import ledger
from jobs.models import Job, State
from jobs.notifications.models import Endpoint
from jobs.notifications.resting import Turn, note_failure, note_success, take_turn
from tests.assets.origins.site import Site, status
from tests.jobs.notifications.world import HOOK, Clock, ended, endpoint, states, work

pytestmark = pytest.mark.django_db
MANY = 50


@pytest.fixture
def target(clock: Clock) -> Endpoint:
    return endpoint(url="https://shop.example/", event_types=["job.completed"])[0]


def waiting(target: Endpoint) -> set[timedelta]:
    """This will give how long before or after the end of its rest the jobs of a target are due."""
    assert target.rest_until is not None
    return {job.run_at - target.rest_until for job in target.jobs.filter(state=State.WAITING)}


def test_fifty_events_for_an_endpoint_that_fails_cost_three_attempts(site: Site, clock: Clock) -> None:
    made, _ = endpoint(site, event_types=["job.completed"])
    site.answers[HOOK] = status(500)
    for _ in range(MANY):
        ended()
    assert len(work()) == made.rest_after == 3
    assert len(site.asked) == 3
    assert not work(), "nothing of it is due, so no worker takes anything"
    made.refresh_from_db()
    assert made.rest_until is not None
    assert timedelta(seconds=2.5) <= made.rest_until - clock.now() <= timedelta(seconds=7.5)


def test_at_the_end_of_a_rest_one_tries_and_its_success_lets_the_others_go(site: Site, clock: Clock) -> None:
    endpoint(site, event_types=["job.completed"])
    site.answers[HOOK] = status(500)
    for _ in range(MANY):
        ended()
    work()
    clock.move(seconds=8)
    assert len(work()) == 1, "the first one fails, and all wait again"
    site.answers[HOOK] = status(204)
    clock.move(seconds=16)
    work()
    clock.move(seconds=60)  # the three that had failed have a time of their own
    work()
    assert states() == [State.DONE] * MANY
    assert len(site.asked) == 3 + 1 + MANY


def test_while_one_endpoint_rests_the_other_is_told(site: Site, clock: Clock) -> None:
    bad, _ = endpoint(url=f"{site.url}/bad", event_types=["job.completed"])
    endpoint(site, event_types=["job.completed"])
    for _ in range(MANY):
        ended()
    work()
    assert site.paths.count(HOOK) == MANY
    assert site.paths.count("/bad") == 3
    assert bad.jobs.filter(state=State.WAITING).count() == MANY


def test_one_event_that_cannot_be_digested_does_not_hold_up_the_others(site: Site, clock: Clock) -> None:
    made, _ = endpoint(site, event_types=["job.completed"])
    poison = ended({"master": "poison"})

    def picky(handler: object) -> None:
        status(500 if str(poison.id).encode() in site.bodies[-1] else 204)(handler)  # type: ignore[arg-type]

    site.answers[HOOK] = picky
    work()
    for _ in range(5):
        ended()
        clock.move(seconds=60)
        work()
    assert states() == [State.WAITING, *[State.DONE] * 5]
    made.refresh_from_db()
    assert made.rest_until is None


def test_rests_grow_from_seconds_to_minutes(target: Endpoint, clock: Clock) -> None:
    spans: list[float] = []
    for _ in range(20):
        turn = take_turn(target, probe_seconds=15)
        assert turn.come_back_at is None
        note_failure(target, "No.", turn=turn)
        if target.rest_until:
            spans.append((target.rest_until - clock.now()).total_seconds())
            clock.move(seconds=spans[-1] + 0.001)
    assert len(spans) == 18
    assert 2.5 <= spans[0] <= 7.5
    assert all(150 <= span <= 450 for span in spans[-5:])


def test_of_two_who_come_at_the_end_of_a_rest_one_tries(target: Endpoint, clock: Clock) -> None:
    note_failure(target, "No.", turn=Turn(), least_seconds=10)
    ended()
    assert waiting(target) == {timedelta(0)}
    clock.move(seconds=11)
    first, second = (Endpoint.objects.get() for _ in range(2))
    assert take_turn(first, probe_seconds=15) == Turn(held_until=clock.now() + timedelta(seconds=15))
    assert take_turn(second, probe_seconds=15) == Turn(come_back_at=clock.now() + timedelta(seconds=15))
    assert take_turn(Endpoint.objects.get(), probe_seconds=15).come_back_at is not None
    target.refresh_from_db()
    assert waiting(target) == {timedelta(0)}, "the jobs wait for the end of its attempt"


def test_a_worker_that_dies_over_its_turn_keeps_the_others_away_for_its_time_only(
    target: Endpoint, clock: Clock
) -> None:
    note_failure(target, "No.", turn=Turn(), least_seconds=10)
    clock.move(seconds=11)
    take_turn(Endpoint.objects.get(), probe_seconds=15)
    clock.move(seconds=16)
    assert take_turn(Endpoint.objects.get(), probe_seconds=15).come_back_at is None


def test_of_several_that_fail_together_one_moves_the_jobs(
    target: Endpoint, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        note_failure(target, "No.", turn=Turn())
    moves: list[object] = []

    def move(jobs: QuerySet[Job], at: datetime) -> int:
        moves.append(at)
        return real(jobs, at)

    real = ledger.move
    monkeypatch.setattr(ledger, "move", move)
    for _ in range(4):
        note_failure(Endpoint.objects.get(), "No.", turn=Turn())
    assert len(moves) <= 2
    assert Endpoint.objects.get().failures == 6


def test_a_turn_that_fails_fast_shortens_what_it_had_put_off(target: Endpoint, clock: Clock) -> None:
    note_failure(target, "No.", turn=Turn(), least_seconds=10)
    ended()
    clock.move(seconds=11)
    target = Endpoint.objects.get()
    turn = take_turn(target, probe_seconds=100)
    note_failure(target, "No.", turn=turn, least_seconds=10)
    assert target.jobs.get().run_at == clock.now() + timedelta(seconds=10)
    assert Endpoint.objects.get().rest_until == clock.now() + timedelta(seconds=10)


def test_success_is_noted_once_a_minute_at_most(target: Endpoint, clock: Clock) -> None:
    note_success(target, "first")
    clock.move(seconds=30)
    note_success(Endpoint.objects.get(), "second")
    assert Endpoint.objects.get().last_result == "first"
    clock.move(seconds=31)
    note_success(Endpoint.objects.get(), "third")
    assert Endpoint.objects.get().last_result == "third"


def test_a_job_that_was_put_off_has_all_its_attempts_left(site: Site, clock: Clock) -> None:
    made, _ = endpoint(site, event_types=["job.completed"])
    ended()
    note_failure(made, "No.", turn=Turn(), least_seconds=10)
    Job.objects.filter(kind="webhook").update(run_at=clock.now())  # as if it had been on its way to a worker
    work()
    job = Job.objects.get(kind="webhook")
    assert (job.state, job.attempts) == (State.WAITING, 0)
    assert job.run_at == clock.now() + timedelta(seconds=10)
    assert not site.asked
