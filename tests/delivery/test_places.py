"""Places: whatever else goes on, threads are left for hits, and each place comes back."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from wsgiref.util import FileWrapper

import pytest
from django.http import HttpResponse, StreamingHttpResponse

from delivery.edge import Edge
from delivery.hits import HitIndex
from delivery.tiers.memory import MemoryTier
from tests.delivery.known import PICTURE, URL, App, ask, known
from tests.delivery.world import Answer, call


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def hits() -> HitIndex:
    return HitIndex()


@pytest.fixture
def memory() -> MemoryTier:
    return MemoryTier(1_000_000)


@pytest.fixture
def edge(app: App, memory: MemoryTier, hits: HitIndex) -> Edge:
    return Edge(app, memory, places=2, hits=hits)


class Blocked:
    """Requests that stay in the application until they are let go."""

    def __init__(self, edge: Edge, app: App, count: int) -> None:
        self._go, entered = threading.Event(), threading.Semaphore(0)

        def answer() -> HttpResponse:
            entered.release()
            assert self._go.wait(20)
            return HttpResponse(b"late")

        app.answer = answer
        self._pool = ThreadPoolExecutor(count)
        self._futures = [self._pool.submit(call, edge, "/slow") for _ in range(count)]
        for _ in range(count):
            assert entered.acquire(timeout=20)

    def let_go(self) -> list[Answer]:
        self._go.set()
        self._pool.shutdown()
        return [future.result() for future in self._futures]


@pytest.fixture
def blocked(edge: Edge, app: App) -> Iterator[Blocked]:
    """All places are taken."""
    blocked = Blocked(edge, app, 2)
    yield blocked
    blocked.let_go()


def test_while_all_places_are_taken_hits_304s_and_healthz_are_answered(
    edge: Edge, app: App, hits: HitIndex, memory: MemoryTier, blocked: Blocked
) -> None:
    known(hits, memory)
    assert ask(edge).body == PICTURE.body
    assert ask(edge, HTTP_IF_NONE_MATCH=PICTURE.etag).status == 304
    assert call(edge, "/healthz").status == 200
    assert app.calls == 2


def test_while_all_places_are_taken_the_rest_is_told_to_come_back(edge: Edge, app: App, blocked: Blocked) -> None:
    for target in (URL, "/api/v1/images", "/readyz"):
        answer = call(edge, target)
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert answer.headers["content-type"] == "application/json"
        assert answer.caching == "no-store"
        assert answer.headers["vary"] == "Accept"
        body = json.loads(answer.body)
        assert (body["code"], body["message"]) == ("busy", body["error"])
    assert app.calls == 2
    assert [late.body for late in blocked.let_go()] == [b"late"] * 2
    app.answer = lambda: HttpResponse(b"django")
    assert ask(edge).body == b"django", "the places are free again"


def free_places(edge: Edge) -> int:
    return edge._places._value


def test_an_answer_gives_its_place_back(edge: Edge) -> None:
    for _ in range(5):
        assert ask(edge).body == b"django"
    assert free_places(edge) == 2


def test_an_exception_gives_its_place_back(edge: Edge, app: App) -> None:
    def crash() -> Any:
        raise ValueError("crash")

    app.answer = crash
    for _ in range(5):
        with pytest.raises(ValueError, match="crash"):
            ask(edge)
    assert free_places(edge) == 2


class Closing(HttpResponse):
    closed_times = 0

    def close(self) -> None:
        self.closed_times += 1
        super().close()


def test_a_body_that_fails_gives_its_place_back_and_is_closed(edge: Edge, app: App) -> None:
    class Failing(Closing):
        def __iter__(self) -> Iterator[bytes]:
            raise ValueError("body")

    response = Failing(b"x")
    app.answer = lambda: response
    with pytest.raises(ValueError, match="body"):
        ask(edge)
    assert free_places(edge) == 2
    assert response.closed_times == 1


def test_django_hears_that_its_answer_is_done(edge: Edge, app: App) -> None:
    """Its close() sends `request_finished`, which lets go of database connections."""
    response = Closing(b"x")
    app.answer = lambda: response
    assert ask(edge).body == b"x"
    assert response.closed_times == 1


def open_answer(edge: Edge) -> Any:
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/image/x", "QUERY_STRING": ""}
    return edge(environ, lambda *_: None)


def test_a_streamed_answer_keeps_its_place_until_it_is_closed(edge: Edge, app: App) -> None:
    app.answer = lambda: StreamingHttpResponse([b"a", b"b"])
    answer = open_answer(edge)
    assert free_places(edge) == 1
    assert list(answer) == [b"a", b"b"]
    assert free_places(edge) == 1
    answer.close()
    assert free_places(edge) == 2
    answer.close()
    assert free_places(edge) == 2, "closing twice gives back once"


def test_a_streamed_answer_that_is_broken_off_gives_its_place_back_and_closes_its_file(edge: Edge, app: App) -> None:
    class File:
        closed = False

        def read(self, size: int) -> bytes:
            return b"x" * size

        def close(self) -> None:
            self.closed = True

    file = File()
    edge._app = lambda environ, start_response: FileWrapper(file)  # type: ignore[assignment, arg-type]
    answer = open_answer(edge)
    assert next(iter(answer))
    answer.close()
    assert file.closed
    assert free_places(edge) == 2
