"""The edge: hits and 304s without Django, and free places for them whatever else goes on."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from wsgiref.util import FileWrapper

import pytest
from django.http import HttpResponse, StreamingHttpResponse
from pytest_django import Settings

from delivery import keyring
from delivery.edge import Edge
from delivery.hits import Hit, HitIndex, HitKey
from delivery.negotiate import accepted_formats
from delivery.respond import base_headers, body_headers
from delivery.tiers.memory import MemoryTier
from tests.delivery.world import BROWSER, KEY, Answer, Untouchable, call, configure, entry, key, raiser, signed

URL = signed("/i/shoe/red.webp", "w=320", "v=1")
PICTURE = entry("the picture", size=5000)
NOW = 1_800_000_000
SHOE = uuid.uuid4()


class App:
    """Django's place. Counts calls and answers 200 `django`."""

    def __init__(self) -> None:
        self.calls = 0
        self.answer: Callable[[], Any] = lambda: HttpResponse(b"django")

    def __call__(self, environ: Any, start_response: Any) -> Any:
        self.calls += 1
        response = self.answer()
        start_response(f"{response.status_code} X", list(response.items()))
        return response


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


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("delivery.edge.time.time", lambda: float(NOW))


def known(
    hits: HitIndex,
    memory: MemoryTier | None,
    url: str = URL,
    *,
    accept: str = BROWSER,
    negotiated: bool = True,
    revisioned: bool = True,
    expires_at: int | None = None,
) -> None:
    """This will have the edge know a URL, and the memory its picture."""
    shared = base_headers(PICTURE, negotiated=negotiated)
    hit = Hit(
        variant=key(),
        signed_with=KEY,
        expires_at=expires_at,
        master_id=SHOE,
        etag=PICTURE.etag,
        revisioned=revisioned,
        headers=(*body_headers(PICTURE), *shared),
        headers_304=shared,
    )
    path, _, query = url.partition("?")
    hits.remember(HitKey(path, query, accepted_formats(accept)), hit, epoch=hits.epoch)
    if memory is not None:
        memory.put(key(), PICTURE)


def ask(edge: Edge, url: str = URL, accept: str = BROWSER, **options: Any) -> Answer:
    return call(edge, url, HTTP_ACCEPT=accept, **options)


def test_a_hit_is_answered_without_django(edge: Edge, app: App, hits: HitIndex, memory: MemoryTier) -> None:
    known(hits, memory)
    app.answer = raiser("Django")
    answer = ask(edge)
    assert (answer.status, answer.body) == (200, PICTURE.body)
    assert answer.headers["content-type"] == "image/webp"
    assert answer.headers["content-length"] == "5000"
    assert answer.headers["etag"] == PICTURE.etag
    assert answer.headers["vary"] == "Accept"
    assert answer.headers["x-cache"] == "memory"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["server-timing"].startswith("total;dur=")
    assert answer.caching == "public, max-age=31536000, immutable"


def test_head_is_answered_like_get_without_the_body(edge: Edge, hits: HitIndex, memory: MemoryTier) -> None:
    known(hits, memory)
    get, head = ask(edge), ask(edge, method="HEAD")
    assert head.body == b""
    timeless = {name: value for name, value in get.headers.items() if name != "server-timing"}
    assert {name: value for name, value in head.headers.items() if name != "server-timing"} == timeless


def test_a_304_needs_neither_django_nor_any_tier(hits: HitIndex) -> None:
    known(hits, None)
    edge = Edge(Untouchable("Django"), Untouchable("memory"), places=1, hits=hits)  # type: ignore[arg-type]
    for if_none_match in (PICTURE.etag, f"W/{PICTURE.etag}", f'"x", {PICTURE.etag}', "*"):
        answer = ask(edge, HTTP_IF_NONE_MATCH=if_none_match)
        assert (answer.status, answer.body) == (304, b"")
        assert answer.headers["etag"] == PICTURE.etag
        assert answer.headers["vary"] == "Accept"
        assert answer.caching == "public, max-age=31536000, immutable"
        assert "content-type" not in answer.headers
        assert "content-length" not in answer.headers


def test_another_etag_gets_the_picture(edge: Edge, hits: HitIndex, memory: MemoryTier) -> None:
    known(hits, memory)
    assert ask(edge, HTTP_IF_NONE_MATCH='"old"').body == PICTURE.body
    assert ask(edge, HTTP_IF_NONE_MATCH="").body == PICTURE.body


def test_what_was_not_negotiated_does_not_vary(edge: Edge, hits: HitIndex, memory: MemoryTier) -> None:
    known(hits, memory, negotiated=False)
    assert "vary" not in ask(edge).headers
    assert "vary" not in ask(edge, HTTP_IF_NONE_MATCH=PICTURE.etag).headers


@pytest.mark.parametrize(
    ("revisioned", "expires_at", "caching"),
    [
        (True, None, "public, max-age=31536000, immutable"),
        (False, None, "public, max-age=60, must-revalidate"),
        (True, NOW + 10, "private, max-age=10"),
    ],
)
def test_caching_is_as_ruled_on_hits_and_304s(
    edge: Edge, hits: HitIndex, memory: MemoryTier, revisioned: bool, expires_at: int | None, caching: str
) -> None:
    known(hits, memory, revisioned=revisioned, expires_at=expires_at)
    assert ask(edge).caching == caching
    assert ask(edge, HTTP_IF_NONE_MATCH=PICTURE.etag).caching == caching


PATH, _, QUERY = URL.partition("?")
GO_TO_DJANGO: dict[str, dict[str, Any]] = {
    "another signature": {"url": f"{URL[:-1]}{'A' if URL[-1] != 'A' else 'B'}"},
    "no signature": {"url": f"{PATH}?w=320&v=1"},
    "a truncated signature": {"url": URL[:-1]},
    "a repeated signature": {"url": f"{URL}&{QUERY.rpartition('&')[2]}"},
    "a parameter more": {"url": f"{URL}&blur=1"},
    "another path": {"url": f"/i/boot?{QUERY}"},
    "a path that begins otherwise": {"url": f"/image/shoe?{QUERY}"},
    "other formats": {"accept": "image/png"},
    "POST": {"method": "POST"},
    "OPTIONS": {"method": "OPTIONS"},
}


@pytest.mark.parametrize("request_", GO_TO_DJANGO.values(), ids=list(GO_TO_DJANGO))
def test_whatever_is_not_exactly_a_known_hit_goes_to_django(
    edge: Edge, app: App, hits: HitIndex, memory: MemoryTier, request_: dict[str, Any]
) -> None:
    known(hits, memory)
    assert ask(edge, **{"url": URL, **request_}).body == b"django"
    assert app.calls == 1


def test_an_expired_hit_goes_to_django(
    edge: Edge, app: App, hits: HitIndex, memory: MemoryTier, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(hits, memory, expires_at=NOW + 1)
    assert ask(edge).body == PICTURE.body
    monkeypatch.setattr("delivery.edge.time.time", lambda: NOW + 1.0)
    assert ask(edge).body == b"django"
    assert ask(edge, HTTP_IF_NONE_MATCH=PICTURE.etag).body == b"django", "no 304 either"


def test_a_revoked_key_ends_its_hits_with_the_next_refresh(
    edge: Edge, hits: HitIndex, memory: MemoryTier, settings: Settings
) -> None:
    known(hits, memory)
    settings.IMGOPT_SIGNING_KEYS = (("another", "22" * 32),)
    assert ask(edge).body == PICTURE.body
    keyring.refresh()
    assert ask(edge).body == b"django"
    assert ask(edge, HTTP_IF_NONE_MATCH=PICTURE.etag).body == b"django", "no 304 either"


def test_a_purge_ends_the_hits_of_its_master(edge: Edge, hits: HitIndex, memory: MemoryTier) -> None:
    known(hits, memory)
    hits.purge(uuid.uuid4())
    assert ask(edge).body == PICTURE.body
    hits.purge(SHOE)
    assert ask(edge).body == b"django"


def test_what_has_left_the_memory_goes_to_django(edge: Edge, hits: HitIndex, memory: MemoryTier) -> None:
    known(hits, memory)
    memory.purge(key().digest)
    assert ask(edge).body == b"django"


def test_other_bytes_under_the_same_key_go_to_django(edge: Edge, hits: HitIndex, memory: MemoryTier) -> None:
    """A draft that was replaced by its final: the headers that are known belong to the draft."""
    known(hits, memory)
    memory.put(key(), replace(PICTURE, body=b"final", etag='"final"'))
    assert ask(edge).body == b"django"


def test_is_alive_without_asking_anybody() -> None:
    edge = Edge(Untouchable("Django"), Untouchable("memory"), places=1)  # type: ignore[arg-type]
    answer = call(edge, "/healthz")
    assert (answer.status, json.loads(answer.body)) == (200, {"status": "ok"})
    assert answer.caching == "no-store"
    assert call(edge, "/healthz", method="HEAD").body == b""
    refused = call(edge, "/healthz", method="POST", checked=False)
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD")


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
    edge._app = lambda environ, start_response: FileWrapper(file)  # type: ignore[arg-type, return-value]
    answer = open_answer(edge)
    assert next(iter(answer))
    answer.close()
    assert file.closed
    assert free_places(edge) == 2


def test_cors_is_part_of_hits(edge: Edge, hits: HitIndex, memory: MemoryTier) -> None:
    configure(delivery_cors_origin="https://shop.example.com")
    known(hits, memory)
    assert ask(edge).headers["access-control-allow-origin"] == "https://shop.example.com"
