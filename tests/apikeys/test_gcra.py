from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apikeys.gcra import CLOCK_SLACK_NS, MAX_BURST, MAX_RATE, MIN_RATE, NANO, Limit, decide

T0 = 1_780_000_000 * NANO


def admitted_at(limit: Limit, times: list[int], full_at: int | None = None) -> list[bool]:
    answers = []
    for now in times:
        decision = decide(limit, full_at, now)
        full_at = decision.full_at_ns
        answers.append(decision.wait_ns == 0)
    return answers


def test_admits_a_burst_and_then_the_rate() -> None:
    limit = Limit(rate=2, burst=3)
    half = NANO // 2

    times = [T0] * 4 + [T0 + half - 1, T0 + half, T0 + half, T0 + 2 * half]
    assert admitted_at(limit, times) == [True, True, True, False, False, True, False, True]


def test_waiting_as_long_as_told_is_enough() -> None:
    limit = Limit(rate=3, burst=2)
    full_at = decide(limit, decide(limit, None, T0).full_at_ns, T0).full_at_ns
    refused = decide(limit, full_at, T0)

    assert refused.wait_ns > 0
    assert decide(limit, full_at, T0 + refused.wait_ns - 1).wait_ns == 1
    assert decide(limit, full_at, T0 + refused.wait_ns).wait_ns == 0


def test_a_rested_bucket_gives_no_more_than_its_burst() -> None:
    limit = Limit(rate=10, burst=5)

    assert sum(admitted_at(limit, [T0] * 5 + [T0 + 3600 * NANO] * 20)) == 10


@given(
    rate=st.floats(MIN_RATE, 10_000),
    burst=st.integers(1, 50),
    steps=st.lists(st.integers(0, NANO // 10), min_size=1, max_size=200),
)
def test_never_admits_more_than_burst_and_rate(rate: float, burst: int, steps: list[int]) -> None:
    times, now = [], T0
    for step in steps:
        now += step
        times.append(now)

    answers = admitted_at(Limit(rate=rate, burst=burst), times)

    elapsed = (times[-1] - times[0]) / NANO
    assert sum(answers) <= math.floor(burst + rate * elapsed + 1e-9)
    assert answers[0]


def test_a_clock_set_back_does_not_shut_a_bucket_for_as_long() -> None:
    limit = Limit(rate=1, burst=2)
    full_at = T0 + 2 * NANO
    back = T0 - 3600 * NANO

    assert admitted_at(limit, [back, back + NANO, back + 2 * NANO], full_at) == [False, True, True]


def test_a_clock_that_twitches_gives_nothing_away() -> None:
    limit = Limit(rate=1, burst=2)
    full_at = T0 + 2 * NANO
    back = T0 - CLOCK_SLACK_NS

    assert admitted_at(limit, [back, T0, T0 + NANO], full_at) == [False, False, True]


@pytest.mark.parametrize("rate", [3, 7, 0.3, 999.9, MAX_RATE / 3])
def test_rounding_never_gives_more_than_the_rate(rate: float) -> None:
    assert Limit(rate=rate, burst=1).interval_ns * rate >= NANO


@pytest.mark.parametrize("rate", [0, -1, math.nan, math.inf, MIN_RATE / 2, MAX_RATE * 2])
def test_refuses_a_rate_that_is_none(rate: float) -> None:
    with pytest.raises(ValueError, match="for rate"):
        Limit(rate=rate, burst=1)


@pytest.mark.parametrize("burst", [0, -1, MAX_BURST + 1])
def test_refuses_a_burst_that_is_none(burst: int) -> None:
    with pytest.raises(ValueError, match="for burst"):
        Limit(rate=1, burst=burst)


def test_the_slowest_limit_fits_a_database_column() -> None:
    slowest = Limit(rate=MIN_RATE, burst=MAX_BURST)

    assert T0 + slowest.interval_ns * slowest.burst < 2**63 - 1
