"""Every answer with a picture says what it measures, and nothing goes on saying what has become untrue."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import Settings

from assets.models import Master
from delivery import respond
from delivery.entry import Entry, entry_of
from delivery.publish import signed_path
from delivery.service import service
from delivery.tiers.memory import UNSETTLED_SECONDS
from pipeline.targets import TARGETS
from tests.delivery.world import SCORES, Answer, Renderer, configure, master, rendition, saved

Ask = Callable[..., Answer]
pytestmark = pytest.mark.django_db

FIGURES = "ssim=0.978, worst=0.962, de00=0.61"
MEMBER = re.compile(
    r"[a-z][a-z0-9]*(?:=(?:\?[01]|-?\d{1,12}\.\d{1,3}|-?\d{1,15}|[A-Za-z*][A-Za-z0-9:/.!#$%&'*+^_`|~-]*))?"
)
"""A key, and nothing, a boolean, a decimal, an integer or a token (RFC 9651, 3.2 and 3.3)."""


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def shoe(renderer: Renderer) -> Master:
    return saved(master(key="products/shoe"))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """One for what the memory forgets, the hits and the edge."""
    clock = Clock()
    monkeypatch.setattr(service().memory, "_clock", clock)
    monkeypatch.setattr("delivery.views.time.time", clock)
    monkeypatch.setattr("delivery.edge.time.time", clock)
    return clock


def parsed(header: str) -> dict[str, str]:
    """This will read a dictionary of structured fields, and nothing that is none."""
    members = header.split(", ")
    assert all(MEMBER.fullmatch(member) for member in members), header
    pairs = [member.partition("=") for member in members]
    assert len({name for name, _, _ in pairs}) == len(pairs)
    return {name: value or "?1" for name, _, value in pairs}


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, FIGURES),
        ({"scores": None, "quality": 80}, "pending, q=80"),
        ({"scores": None, "unmeasured": "Animations are not measured."}, "unmeasurable"),
        (
            {"quality": 71, "target": TARGETS["good"], "target_met": True, "bound": "ssim", "trial_encodes": 3},
            f"{FIGURES}, q=71, target=ssim:0.97, met=?1, tries=3",
        ),
        (
            {"quality": 44, "target": TARGETS["best"], "target_met": False, "bound": "max-bytes", "trial_encodes": 8},
            f"{FIGURES}, q=44, target=ssim:0.99, met=?0, bound=max-bytes, tries=8",
        ),
        ({"provisional": True, "quality": 60}, f"{FIGURES}, provisional, q=60"),
    ],
)
def test_stands_on_a_render_on_hits_of_every_tier_and_on_304s(
    ask: Ask, shoe: Master, renderer: Renderer, facts: dict[str, Any], said: str
) -> None:
    renderer.facts = facts
    url = url_of(shoe, facts)
    made = ask(url)
    answers = [made, ask(url), ask(url, method="HEAD"), ask(url, HTTP_IF_NONE_MATCH=made.headers["etag"])]
    service().memory.purge(shoe.blob.digest)
    answers += [ask(url, HTTP_IF_NONE_MATCH=made.headers["etag"])]
    service().memory.purge(shoe.blob.digest)
    answers += [ask(url)]
    tiers = [(answer.status, answer.headers["x-cache"]) for answer in answers]
    assert tiers[:3] == [(200, "render"), (200, "memory"), (200, "memory")]
    assert (answers[3].status, answers[4].status, tiers[5]) == (304, 304, (200, "storage"))
    assert {answer.headers["quality"] for answer in answers} == {said}
    parsed(said)


def test_refusals_say_nothing_of_quality(ask: Ask, shoe: Master) -> None:
    assert "quality" not in ask(signed_path(shoe, {"w": "320"}) + "x").headers


def test_scripts_of_other_sites_may_read_it(ask: Ask, shoe: Master, settings: Settings) -> None:
    headers = ask(signed_path(shoe, {"w": "320"})).headers
    assert headers["access-control-allow-origin"] == "*"
    assert headers["access-control-expose-headers"] == "Quality"
    configure(delivery_cors_origin="")
    respond.cors.cache_clear()
    assert "access-control-expose-headers" not in ask(signed_path(shoe, {"w": "640"})).headers


def url_of(shoe: Master, facts: dict[str, Any]) -> str:
    """This will sign for an answer with such facts."""
    if not facts.get("provisional"):
        return signed_path(shoe, {"w": "320", "fm": "webp"})
    configure(delivery_drafts=True)
    return signed_path(shoe, {"w": "320", "fm": "webp", "q": "auto:good", "refine": "0"})


def replaced(shoe: Master, **facts: Any) -> Entry:
    """This will put another receipt into the storage tier, as another process does when it has measured or refined."""
    [(key, old)] = service().memory._entries.items()
    new = entry_of(rendition(facts.pop("body", old.body), "webp", **facts))
    service().lasting[-1].put(key, new)
    return new


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("facts", [{"scores": None}, {"provisional": True}])
def test_the_edge_answers_no_longer_than_the_memory_keeps_what_is_not_settled(
    ask: Ask, shoe: Master, renderer: Renderer, clock: Clock, facts: dict[str, Any], conditional: bool
) -> None:
    renderer.facts = facts
    url = url_of(shoe, facts)
    made = ask(url)
    options = {"HTTP_IF_NONE_MATCH": made.headers["etag"]} if conditional else {}
    replaced(shoe)
    clock.now += UNSETTLED_SECONDS / 2
    assert ask(url).headers["quality"] == made.headers["quality"], "for that long it may be told"
    assert ask(url, **options).status == (304 if conditional else 200)
    clock.now += UNSETTLED_SECONDS / 2
    later = ask(url, **options)
    assert later.headers["x-cache"] == "storage"
    assert later.headers["quality"] == FIGURES
    clock.now += 3600
    assert ask(url, **options).headers["x-cache"] == "memory", "what is settled stays"
    assert len(renderer.calls) == 1


def test_a_hit_learnt_late_ends_with_the_entry_that_it_shows(
    ask: Ask, shoe: Master, renderer: Renderer, clock: Clock
) -> None:
    renderer.facts = {"scores": None}
    ask(signed_path(shoe, {"w": "320", "fm": "webp"}))
    clock.now += UNSETTLED_SECONDS * 0.9
    another = signed_path(shoe, {"w": "320", "fm": "webp"}, file_name="shoe.webp")
    etag = ask(another).headers["etag"]
    replaced(shoe)
    clock.now += UNSETTLED_SECONDS * 0.1
    assert ask(another, HTTP_IF_NONE_MATCH=etag).headers["quality"] == FIGURES


def test_a_client_that_holds_a_draft_is_given_the_final(
    ask: Ask, shoe: Master, renderer: Renderer, clock: Clock
) -> None:
    url = url_of(shoe, {"provisional": True})
    draft = ask(url)
    final = replaced(shoe, body=b"the final", scores=SCORES)
    clock.now += UNSETTLED_SECONDS
    answer = ask(url, HTTP_IF_NONE_MATCH=draft.headers["etag"])
    assert (answer.status, answer.body, answer.headers["etag"]) == (200, b"the final", final.etag)
    assert "provisional" not in parsed(answer.headers["quality"])


def test_what_the_memory_has_no_room_for_is_asked_for_again(
    ask: Ask, shoe: Master, renderer: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    renderer.facts = {"scores": None}
    monkeypatch.setattr(service().memory, "max_bytes", 10)
    url = signed_path(shoe, {"w": "320", "fm": "webp"})
    etag = ask(url).headers["etag"]
    assert ask(url, HTTP_IF_NONE_MATCH=etag).headers["x-cache"] == "storage"
