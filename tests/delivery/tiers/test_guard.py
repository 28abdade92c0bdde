"""A broken tier is a miss, and is left alone for a while after three errors in a minute."""

from __future__ import annotations

import pytest

from delivery.tiers.guard import MAX_ERRORS, REST_SECONDS, WINDOW_SECONDS, Guarded
from tests.delivery.world import DictTier, entry, key

BROKEN = ConnectionError("the tier is away")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def inner() -> DictTier:
    return DictTier("redis")


@pytest.fixture
def guarded(inner: DictTier, clock: Clock) -> Guarded:
    return Guarded(inner, clock=clock)


def fail(guarded: Guarded, inner: DictTier, times: int = MAX_ERRORS) -> None:
    inner.error = BROKEN
    for _ in range(times):
        guarded.get(key())


def test_a_well_tier_is_not_felt(guarded: Guarded, inner: DictTier) -> None:
    guarded.put(key(), entry())
    assert guarded.get(key()) == entry()
    guarded.purge(key().digest)
    assert guarded.get(key()) is None
    assert guarded.name == "redis"


@pytest.mark.parametrize("error", [BROKEN, TimeoutError(), OSError(28, "no space"), ValueError("x"), KeyError("y")])
def test_errors_are_misses(guarded: Guarded, inner: DictTier, error: Exception) -> None:
    inner.error = error
    guarded.put(key(), entry())
    assert guarded.get(key()) is None
    guarded.purge(key().digest)


def test_what_is_no_error_goes_through(guarded: Guarded, inner: DictTier, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_key: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(inner, "get", interrupted)
    with pytest.raises(KeyboardInterrupt):
        guarded.get(key())


def test_after_three_errors_in_a_minute_it_rests(guarded: Guarded, inner: DictTier, clock: Clock) -> None:
    fail(guarded, inner)
    inner.error = None
    guarded.get(key())
    guarded.put(key(), entry())
    clock.now += REST_SECONDS - 0.1
    guarded.get(key())
    assert inner.calls == ["get"] * MAX_ERRORS


def test_two_errors_are_no_reason_to_rest(guarded: Guarded, inner: DictTier) -> None:
    inner.entries[key()] = entry()
    fail(guarded, inner, MAX_ERRORS - 1)
    inner.error = None
    assert guarded.get(key()) == entry()


def test_recovers_after_its_rest(guarded: Guarded, inner: DictTier, clock: Clock) -> None:
    inner.entries[key()] = entry()
    fail(guarded, inner)
    inner.error = None
    clock.now += REST_SECONDS
    assert guarded.get(key()) == entry()
    fail(guarded, inner, MAX_ERRORS - 1)
    inner.error = None
    assert guarded.get(key()) == entry(), "the errors before the rest are forgotten"


def test_errors_far_apart_are_no_reason_to_rest(guarded: Guarded, inner: DictTier, clock: Clock) -> None:
    for _ in range(10):
        fail(guarded, inner, 1)
        clock.now += WINDOW_SECONDS / (MAX_ERRORS - 1) + 1
    assert inner.calls == ["get"] * 10
    inner.error = None
    inner.entries[key()] = entry()
    assert guarded.get(key()) == entry()


def test_errors_of_puts_and_purges_count_too(guarded: Guarded, inner: DictTier) -> None:
    inner.error = BROKEN
    guarded.put(key(), entry())
    guarded.purge(key().digest)
    guarded.get(key())
    inner.calls.clear()
    guarded.get(key())
    assert inner.calls == []


def test_a_purge_is_tried_even_while_it_rests(guarded: Guarded, inner: DictTier) -> None:
    inner.entries[key()] = entry()
    fail(guarded, inner)
    inner.error = None
    guarded.purge(key().digest)
    assert inner.entries == {}
