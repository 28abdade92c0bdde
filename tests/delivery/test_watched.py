"""Every request that is no hit has an id, a time, one line in the log, and no secret in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import structlog
from django.http import HttpResponse, StreamingHttpResponse
from structlog.contextvars import get_contextvars

from delivery import watched
from delivery.edge import Edge
from delivery.hits import HitIndex
from delivery.notes import note
from delivery.publish import signed_path
from delivery.request_id import HEADER
from delivery.service import service
from delivery.tiers.memory import MemoryTier
from delivery.watched import LONGEST_SHOWN, Watched
from tests.delivery.figures import Figures
from tests.delivery.known import PICTURE, URL, App, ask, known
from tests.delivery.world import Answer, Renderer, call, master, saved

NAME = HEADER.lower()
GIVEN: dict[str, Any] = {"HTTP_X_REQUEST_ID": "from-the-proxy"}
Lines = list[dict[str, Any]]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What is logged, before it is written."""
    # A logger that was used before another test configured logging anew would go on in the old way.
    monkeypatch.setattr(watched, "access_log", structlog.get_logger("delivery.access"))
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        yield lines


@pytest.fixture
def app() -> App:
    return App()


def of_requests(lines: Lines) -> Lines:
    return [line for line in lines if line["event"] == "request"]


def test_a_request_has_one_line_with_what_is_known_of_it(app: App, lines: Lines) -> None:
    def answer() -> HttpResponse:
        note(master="m1", decode_ms=1.5, master_bytes=1000)
        return HttpResponse(b"picture", headers={"X-Cache": "render", "Content-Length": "7"})

    app.answer = answer
    call(Watched(app), "/i/shoe?w=320", **GIVEN)
    [line] = of_requests(lines)
    assert line.pop("total_ms") >= 0
    assert line == {
        "event": "request",
        "log_level": "info",
        "request_id": "from-the-proxy",
        "method": "GET",
        "path": "/i/shoe",
        "query": "w=320",
        "route": "image",
        "status": 200,
        "tier": "render",
        "byte_size": 7,
        "master": "m1",
        "decode_ms": 1.5,
    }


def test_the_id_is_in_the_answer_and_in_every_line_of_the_request_and_of_no_other(app: App, lines: Lines) -> None:
    def answer() -> HttpResponse:
        structlog.get_logger("deep").info("inside")
        return HttpResponse()

    app.answer = answer
    first, second = call(Watched(app), "/a"), call(Watched(app), "/b", **GIVEN)
    assert re.fullmatch(r"[0-9a-f]{16}", first.headers[NAME])
    assert second.headers[NAME] == "from-the-proxy"
    ids = [line["request_id"] for line in lines]
    assert ids == [first.headers[NAME]] * 2 + ["from-the-proxy"] * 2
    assert get_contextvars() == {}


def test_an_application_that_raises_is_a_500_with_its_line(app: App, lines: Lines) -> None:
    def crash() -> HttpResponse:
        raise ValueError("a bug")

    app.answer = crash
    figures = Figures()
    with pytest.raises(ValueError, match="a bug"):
        call(Watched(app), "/api/v1/images")
    [line] = of_requests(lines)
    assert (line["status"], line["route"]) == (500, "api")
    assert figures.grown("imgopt_requests_total", route="api", status="5xx") == 1
    assert get_contextvars() == {}


def test_a_streamed_answer_ends_when_it_is_closed(app: App, lines: Lines) -> None:
    def pieces() -> Any:
        yield b"one"
        assert not of_requests(lines), "not before the last piece"
        yield b"two"

    app.answer = lambda: StreamingHttpResponse(pieces(), headers={"Content-Length": "6"})
    assert call(Watched(app), "/image/shoe").body == b"onetwo"
    [line] = of_requests(lines)
    assert (line["byte_size"], line["route"]) == (6, "api")


def test_probes_have_their_line_on_the_level_debug_only(app: App, lines: Lines) -> None:
    call(Watched(app), "/readyz")
    assert of_requests(lines)[0]["log_level"] == "debug"


def test_what_is_shown_of_an_address_is_bounded(app: App, lines: Lines) -> None:
    call(Watched(app), f"/{'a' * 5000}?{'b' * 5000}")
    [line] = of_requests(lines)
    assert (len(line["path"]), len(line["query"])) == (LONGEST_SHOWN, LONGEST_SHOWN)


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 304)])
def test_an_answer_without_a_body_sends_no_bytes(app: App, lines: Lines, method: str, status: int) -> None:
    app.answer = lambda: HttpResponse(status=status, headers={"Content-Length": "700", "X-Cache": "storage"})
    figures = Figures()
    call(Watched(app), "/i/shoe", method=method, checked=False)
    [line] = of_requests(lines)
    assert (line["byte_size"], line["tier"]) == (0, "304" if status == 304 else "storage")
    assert figures.grown("imgopt_variant_sent_bytes_total") == 0


def edge_with(app: App) -> Edge:
    hits, memory = HitIndex(), MemoryTier(1_000_000)
    known(hits, memory)
    return Edge(app, memory, places=1, hits=hits)


def test_what_is_answered_at_the_edge_repeats_an_id_and_makes_none(app: App) -> None:
    edge = edge_with(app)
    unchanged = {"HTTP_IF_NONE_MATCH": PICTURE.etag}
    for extra in ({}, unchanged):
        assert NAME not in ask(edge, **extra).headers
        assert ask(edge, **extra, **GIVEN).headers[NAME] == "from-the-proxy"
        assert NAME not in ask(edge, **extra, HTTP_X_REQUEST_ID="not one").headers
    edge._places.acquire()
    assert call(edge, "/api/v1/images", **GIVEN).headers[NAME] == "from-the-proxy"
    assert app.calls == 0


def test_hits_have_no_line_unless_debugging(app: App, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(edge_with(app), **GIVEN)
    assert lines == []
    monkeypatch.setattr("delivery.edge.access_log.isEnabledFor", lambda _level: True)
    edge = edge_with(app)
    assert ask(edge, **GIVEN).body == PICTURE.body
    ask(edge, HTTP_IF_NONE_MATCH=PICTURE.etag)
    whole, unchanged = of_requests(lines)
    assert (whole["log_level"], whole["status"], whole["tier"]) == ("debug", 200, "memory")
    assert whole["request_id"] == "from-the-proxy"
    assert (unchanged["status"], unchanged["tier"], "request_id" in unchanged) == (304, "304", False)
    assert whole["path"] == URL.partition("?")[0]


SERVER_TIMING = re.compile(r"([a-z]+;dur=\d+\.\d\d)(, [a-z]+;dur=\d+\.\d\d)*")


@pytest.mark.django_db
def test_every_kind_of_answer_says_how_long_it_took(ask: Callable[..., Answer], renderer: Renderer) -> None:
    shoe = saved(master(key="shoe"))
    url = signed_path(shoe, {"w": "320", "fm": "webp"})
    answers = {"render": ask(url), "memory": ask(url)}
    service().memory.purge(shoe.blob.digest)
    answers["storage"] = ask(url)
    etag = answers["memory"].headers["etag"]
    answers["304"] = ask(url, HTTP_IF_NONE_MATCH=etag)
    answers["refused"] = ask(f"{url}x")
    answers["api"] = ask("/api/v1/images")
    answers["nothing"] = ask("/nothing")
    phases = {}
    for kind, answer in answers.items():
        assert SERVER_TIMING.fullmatch(answer.headers["server-timing"]), kind
        phases[kind] = [part.partition(";")[0] for part in answer.headers["server-timing"].split(", ")]
    assert phases.pop("render") == ["decode", "encode", "render", "store", "total"]
    assert phases.pop("storage") == ["storage", "total"]
    assert set(map(tuple, phases.values())) == {("total",)}
    assert [answers[kind].status for kind in ("304", "refused", "api", "nothing")] == [304, 403, 401, 404]
    assert answers["memory"].headers["timing-allow-origin"] == answers["render"].headers["timing-allow-origin"] == "*"


@pytest.mark.django_db
def test_the_figures_of_a_walk_through_the_tiers(ask: Callable[..., Answer], renderer: Renderer) -> None:
    figures = Figures()
    shoe = saved(master(key="shoe"))
    url = signed_path(shoe, {"w": "320", "fm": "webp"})
    size = len(ask(url).body)
    etag = ask(url).headers["etag"]
    ask(url, HTTP_IF_NONE_MATCH=etag)
    service().memory.purge(shoe.blob.digest)
    ask(url)
    ask(url, method="HEAD")
    for tier, count in {"render": 1, "memory": 2, "storage": 1, "304": 1, "redis": 0}.items():
        assert figures.grown("imgopt_variant_answers_total", tier=tier) == count, tier
    assert figures.grown("imgopt_variant_sent_bytes_total") == 3 * size
    assert figures.grown("imgopt_variant_saved_bytes_total") == 3 * (shoe.blob.byte_size - size)
