"""How often and for how long S3 is asked."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from pytest_django import Settings

from assets.s3 import attempts
from assets.s3.attempts import REST_SECONDS, Rest, S3Resting, is_absent, tried

AWAY = EndpointConnectionError(endpoint_url="http://127.0.0.1:1")
HUNG = ReadTimeoutError(endpoint_url="http://127.0.0.1:1")


def refusal(status: int, code: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "GetObject")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


class Calls:
    """Answers one after another; what is an error is raised, after the time that it costs."""

    def __init__(self, clock: Clock, *answers: Any, seconds: float = 0.0) -> None:
        self.clock, self.answers, self.seconds, self.count = clock, list(answers), seconds, 0

    def __call__(self) -> Any:
        self.count += 1
        self.clock.now += self.seconds
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(attempts, "REST", Rest(clock))
    return clock


@pytest.fixture(autouse=True)
def _limits(settings: Settings) -> None:
    settings.CONFIG = replace(settings.CONFIG, s3_timeout_seconds=5.0, s3_attempts=3)


@pytest.fixture
def ask(clock: Clock) -> Callable[..., Any]:
    return lambda call, **options: tried(call, clock=clock, sleep=clock.sleep, **options)


@pytest.mark.parametrize(
    "error", [AWAY, refusal(503, "SlowDown"), refusal(500), refusal(429), refusal(400, "Throttling")]
)
def test_what_may_pass_is_asked_again(ask: Any, clock: Clock, error: Exception) -> None:
    call = Calls(clock, error, error, "found")
    assert ask(call) == "found"
    assert call.count == 3


@pytest.mark.parametrize(
    "error", [refusal(404, "NoSuchKey"), refusal(403), refusal(412), refusal(501, "NotImplemented")]
)
def test_what_is_an_answer_is_not(ask: Any, clock: Clock, error: Exception) -> None:
    call = Calls(clock, error)
    with pytest.raises(ClientError):
        ask(call)
    assert call.count == 1


def test_attempts_are_bounded(ask: Any, clock: Clock) -> None:
    call = Calls(clock, AWAY)
    with pytest.raises(EndpointConnectionError):
        ask(call)
    assert call.count == 3


def test_pauses_are_short_and_at_random(ask: Any, clock: Clock) -> None:
    random.seed(6)
    for _ in range(20):
        with pytest.raises(ClientError):
            ask(Calls(clock, refusal(503)))
    first, second = clock.pauses[::2], clock.pauses[1::2]
    assert max(first) <= attempts.PAUSE_SECONDS < max(second) <= 4 * attempts.PAUSE_SECONDS
    assert len(set(clock.pauses)) == 40


def test_a_hanging_s3_costs_no_more_than_the_time_of_a_call(ask: Any, clock: Clock) -> None:
    """Each attempt takes its whole read timeout, 40 % of it: two fit, a third does not."""
    call = Calls(clock, HUNG, seconds=2.0)
    with pytest.raises(ReadTimeoutError):
        ask(call)
    assert call.count == 2
    assert clock.now <= 105.0


@pytest.mark.parametrize("error", [AWAY, HUNG, ConnectTimeoutError(endpoint_url="http://127.0.0.1:1")])
def test_an_s3_that_is_away_is_left_alone_and_then_asked_by_one(ask: Any, clock: Clock, error: Exception) -> None:
    with pytest.raises(type(error)):
        ask(Calls(clock, error))
    untouched = Calls(clock, "found")
    with pytest.raises(S3Resting):
        ask(untouched)
    assert untouched.count == 0
    clock.now += REST_SECONDS

    def others_wait() -> str:
        with pytest.raises(S3Resting):
            ask(untouched)
        return "found"

    assert ask(others_wait) == "found"
    assert ask(untouched) == "found"


def test_who_was_let_through_and_never_came_back_is_not_waited_for(ask: Any, clock: Clock) -> None:
    with pytest.raises(EndpointConnectionError):
        ask(Calls(clock, AWAY))
    clock.now += REST_SECONDS
    attempts.REST.admit(5.0)  # and dies
    with pytest.raises(S3Resting):
        ask(Calls(clock, "found"))
    clock.now += 5.0
    assert ask(Calls(clock, "found")) == "found"


def test_one_object_that_cannot_be_had_stops_nobody(ask: Any, clock: Clock) -> None:
    with pytest.raises(ClientError):
        ask(Calls(clock, refusal(503)))
    assert ask(Calls(clock, "found")) == "found"


def test_what_must_be_done_is_tried_all_the_same(ask: Any, clock: Clock) -> None:
    with pytest.raises(EndpointConnectionError):
        ask(Calls(clock, AWAY))
    assert ask(Calls(clock, "done"), always=True) == "done"


def test_a_missing_bucket_is_not_a_missing_object() -> None:
    assert is_absent(refusal(404, "NoSuchKey"))
    assert is_absent(refusal(404, "404"))
    assert not is_absent(refusal(404, "NoSuchBucket"))
    assert not is_absent(AWAY)
