"""A breaker opens after so many failures within its window, and lets one call try after each rest."""

from __future__ import annotations

import pytest

from delivery.breaker import Breaker
from tests.delivery.world import at_once


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker("it", max_failures=3, window_seconds=10, rest_seconds=3, clock=clock)


def fail(breaker: Breaker, times: int = 3) -> None:
    for _ in range(times):
        breaker.failed()


def test_opens_with_the_third_failure(breaker: Breaker) -> None:
    fail(breaker, 2)
    assert breaker.admits()
    assert not breaker.is_resting
    fail(breaker, 1)
    assert not breaker.admits()
    assert breaker.is_resting


def test_failures_far_apart_open_nothing(breaker: Breaker, clock: Clock) -> None:
    for _ in range(10):
        fail(breaker, 1)
        clock.now += 5.1
    assert breaker.admits()


def test_successes_between_failures_do_not_hide_them(breaker: Breaker) -> None:
    for _ in range(3):
        breaker.succeeded()
        fail(breaker, 1)
    assert not breaker.admits()


def test_after_a_rest_one_call_tries_and_the_others_wait_for_what_comes_of_it(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    clock.now += 2.9
    assert not breaker.admits()
    clock.now += 0.1
    assert sorted(map(bool, at_once(20, breaker.admits))) == [False] * 19 + [True]
    breaker.succeeded()
    assert breaker.admits()
    assert not breaker.is_resting
    fail(breaker, 2)
    assert breaker.admits(), "the failures before the rest are forgotten"


def test_a_trial_that_fails_is_another_rest(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    for _ in range(3):
        clock.now += 3
        assert breaker.admits()
        fail(breaker, 1)
        assert not breaker.admits()


def test_a_trial_that_never_ends_does_not_keep_it_open(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    clock.now += 3
    assert breaker.admits()
    clock.now += 3
    assert breaker.admits()


def test_knows_since_when_there_is_trouble_until_somebody_has_settled_it(breaker: Breaker) -> None:
    assert breaker.troubled_at is None
    fail(breaker, 1)
    first = breaker.troubled_at
    assert first is not None
    breaker.succeeded()
    fail(breaker, 1)
    assert breaker.troubled_at == first
    breaker.settle(first - 1)
    assert breaker.troubled_at == first
    breaker.settle(first)
    assert breaker.troubled_at is None


def test_threads_that_fail_together_open_it_once(breaker: Breaker, caplog: pytest.LogCaptureFixture) -> None:
    at_once(16, breaker.failed)
    assert not breaker.admits()
    assert sum("left alone" in record.getMessage() for record in caplog.records) == 1
