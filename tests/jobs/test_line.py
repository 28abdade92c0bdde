"""The line to the broker: nobody waits on it for longer than he will."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from jobs.engines import line as lines
from jobs.engines.line import BrokerAway, Line


class FakeConnection:
    def __init__(self, number: int) -> None:
        self.number = number
        self.is_broken = False
        self.is_closed = False

    def collect(self, socket_timeout: float) -> None:
        self.is_closed = True


class Exchange:
    """Connects calls, as often as it is asked to."""

    def __init__(self) -> None:
        self.connections: list[FakeConnection] = []
        self.is_down = False

    def connect(self) -> Any:
        if self.is_down:
            raise OSError("refused")
        self.connections.append(FakeConnection(len(self.connections) + 1))
        return self.connections[-1]


@pytest.fixture
def exchange() -> Exchange:
    return Exchange()


@pytest.fixture
def hanging() -> Iterator[Callable[..., Any]]:
    end = threading.Event()

    def hang(*_: Any) -> None:
        end.wait(30)

    yield hang
    end.set()


def number(connection: Any) -> int:
    if connection.is_broken:
        raise ConnectionResetError("gone")
    return int(connection.number)


def test_one_connection_is_used_again_and_again(exchange: Exchange) -> None:
    line = Line(exchange.connect)
    assert [line.call(number, seconds=5) for _ in range(3)] == [1, 1, 1]


def test_a_connection_that_the_broker_has_closed_is_made_anew(exchange: Exchange) -> None:
    line = Line(exchange.connect)
    line.call(number, seconds=5)
    exchange.connections[0].is_broken = True
    assert line.call(number, seconds=5) == 2
    assert exchange.connections[0].is_closed


def test_a_broker_that_is_down_is_told_at_once_and_then_left_alone(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Line(exchange.connect)
    exchange.is_down = True
    with pytest.raises(BrokerAway, match="refused"):
        line.call(number, seconds=5)
    exchange.is_down = False
    with pytest.raises(BrokerAway, match="left alone"):
        line.call(number, seconds=5)
    monkeypatch.setattr(line, "_rest_until", 0.0)
    assert line.call(number, seconds=5) == 1


@pytest.mark.parametrize("where", ["connecting", "speaking"])
def test_one_that_hangs_costs_the_first_his_patience_and_others_nothing(
    exchange: Exchange, hanging: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(lines, "REST_SECONDS", 0.0)
    line = Line(hanging if where == "connecting" else exchange.connect)
    with pytest.raises(BrokerAway, match="in time"):
        line.call(hanging, seconds=0.05)
    began = time.monotonic()
    with pytest.raises(BrokerAway, match="left alone"):
        line.call(number, seconds=30)
    assert time.monotonic() - began < 20


def test_when_it_no_longer_hangs_it_is_used_again(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "REST_SECONDS", 0.0)
    line, end = Line(exchange.connect), threading.Event()
    with pytest.raises(BrokerAway):
        line.call(lambda _: end.wait(30), seconds=0.05)
    end.set()
    late = line._late
    assert late is not None
    assert late.done.wait(30)
    assert line.call(number, seconds=5) == 1
