"""The edge: hits and 304s without Django, and everything else to it."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from typing import Any

import pytest
from pytest_django import Settings

from delivery import keyring
from delivery.edge import Edge
from delivery.hits import HitIndex
from delivery.tiers.memory import MemoryTier
from tests.delivery.known import NOW, PICTURE, SHOE, URL, App, ask, known
from tests.delivery.world import Untouchable, call, configure, key, raiser


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
    keyring.refresh()
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


def test_cors_is_part_of_hits(edge: Edge, hits: HitIndex, memory: MemoryTier) -> None:
    configure(delivery_cors_origin="https://shop.example.com")
    known(hits, memory)
    assert ask(edge).headers["access-control-allow-origin"] == "https://shop.example.com"
