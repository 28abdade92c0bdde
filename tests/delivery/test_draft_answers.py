"""What a client sees of drafts and finals, through the edge and Django."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings

from assets.models import Master
from delivery import comparing, together
from delivery.asked import parse_asked
from delivery.entry import Entry
from delivery.presets import check_params
from delivery.publish import signed_path
from delivery.purge import purge_master
from delivery.rendering import SEARCH_LIMITS
from delivery.respond import DRAFT_SECONDS, cache_control
from delivery.service import Served, VariantService, service
from delivery.signing import Verified
from delivery.tiers.memory import UNSETTLED_SECONDS, MemoryTier
from delivery.variants import VariantRequest
from pipeline.errors import BadParameter
from pipeline.pool import MOST_LIMITS
from pipeline.rendition import Rendition
from pipeline.request import RenderRequest
from pipeline.targets import TARGETS
from tests.delivery.drafting import Clock, Wanted, finalised
from tests.delivery.figures import Figures
from tests.delivery.test_comparing import Together
from tests.delivery.world import BROWSER, KEY, Answer, Renderer, asked, configure, forced, master, rendition, saved

Ask = Callable[..., Answer]

pytestmark = pytest.mark.django_db
NOW = 1_800_000_000.25
PARAMS = {"w": "1200", "fm": "avif"}


@pytest.fixture(autouse=True)
def _drafts_are_on(wanted: Wanted) -> None:
    configure(delivery_quality=TARGETS["good"], delivery_drafts=True, delivery_budget_ms=250)


@pytest.fixture
def shoe(db: None, renderer: Renderer) -> Master:
    return saved(master(key="products/shoe"))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, renderer: Renderer) -> Clock:
    """The memory's clock and that on the wall."""
    clock, began = Clock(), time.time()
    start = clock.now
    monkeypatch.setattr(service().memory, "_clock", clock)
    monkeypatch.setattr(time, "time", lambda: began + clock.now - start)
    return clock


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, renderer: Renderer) -> list[VariantRequest]:
    """What the edge has not answered by itself."""
    calls: list[VariantRequest] = []
    real = service().fetch

    def fetch(request: VariantRequest, **options: Any) -> Served:
        calls.append(request)
        return real(request, **options)

    monkeypatch.setattr(service(), "fetch", fetch)
    return calls


def refined(request: VariantRequest) -> Entry:
    """This will put the final in its place as a worker does, in whose memory the server has no part."""
    one = service()
    worker = VariantService(MemoryTier(1_000_000), one.lasting, one._flight, one._render)
    return finalised(worker, request).entry


@pytest.mark.parametrize(
    ("revisioned", "expires_in", "header"),
    [
        (True, None, "public, max-age=2"),
        (False, None, "public, max-age=2"),
        (True, 3600, "private, max-age=2"),
        (False, 1, "private, max-age=0"),
        (True, -5, "private, max-age=0"),
    ],
)
def test_a_draft_is_kept_for_seconds_and_never_immutable(revisioned: bool, expires_in: int | None, header: str) -> None:
    expires_at = None if expires_in is None else int(NOW) + expires_in
    assert cache_control(revisioned=revisioned, expires_at=expires_at, now=NOW, is_draft=True) == header


def test_a_short_max_age_stays_short_for_drafts() -> None:
    configure(delivery_max_age_seconds=0)
    assert cache_control(revisioned=False, expires_at=None, now=NOW, is_draft=True) == "public, max-age=0"


def test_others_keep_a_draft_no_longer_than_the_memory_does() -> None:
    assert DRAFT_SECONDS <= UNSETTLED_SECONDS


def test_draft_then_304_then_final_on_revalidation(
    ask: Ask, shoe: Master, clock: Clock, renderer: Renderer, calls: list[VariantRequest]
) -> None:
    url = signed_path(shoe, PARAMS)
    draft = ask(url)
    assert (draft.status, draft.caching) == (200, "public, max-age=2")
    known = {"HTTP_IF_NONE_MATCH": draft.headers["etag"]}
    for _ in range(2):
        unchanged = ask(url, **known)
        assert (unchanged.status, unchanged.caching) == (304, "public, max-age=2")

    etag = refined(calls[0]).etag
    clock.now += UNSETTLED_SECONDS
    final = ask(url, **known)
    assert (final.status, final.headers["etag"]) == (200, etag)
    assert final.caching == "public, max-age=31536000, immutable"
    assert final.body != draft.body
    assert ask(url).headers["x-cache"] == "memory"
    assert ask(url, HTTP_IF_NONE_MATCH=etag).status == 304
    assert [each.predict for each in renderer.renders] == [True, False]


def test_the_edge_answers_a_draft_by_itself_while_the_memory_has_it(
    ask: Ask, shoe: Master, clock: Clock, calls: list[VariantRequest]
) -> None:
    url = signed_path(shoe, PARAMS)
    etag = ask(url).headers["etag"]
    clock.now += UNSETTLED_SECONDS - 0.01
    for _ in range(3):
        assert ask(url).status == 200
        assert ask(url, HTTP_IF_NONE_MATCH=etag).status == 304
    assert len(calls) == 1, "hits go past Django"
    clock.now += 0.01
    assert ask(url, HTTP_IF_NONE_MATCH=etag).status == 304
    assert len(calls) == 2, "a 304 of a draft ends with the draft too"


def test_a_hit_learnt_late_does_not_outlive_the_draft(
    ask: Ask, shoe: Master, clock: Clock, calls: list[VariantRequest]
) -> None:
    """Another URL of the variant is learnt when the draft in the memory is nearly over."""
    ask(signed_path(shoe, PARAMS))
    clock.now += UNSETTLED_SECONDS - 0.01
    late = signed_path(shoe, {**PARAMS, "dl": "shoe"})
    etag = ask(late).headers["etag"]
    refined(calls[0])
    clock.now += 0.01
    assert ask(late, HTTP_IF_NONE_MATCH=etag).status == 200


def test_a_draft_with_the_bytes_of_its_final_does_not_make_it_short_lived(
    ask: Ask, shoe: Master, clock: Clock, monkeypatch: pytest.MonkeyPatch, calls: list[VariantRequest]
) -> None:
    monkeypatch.setattr(service(), "_render", lambda _request: rendition(b"the same", "avif"))
    url = signed_path(shoe, PARAMS)
    draft = ask(url)
    service().fetch(calls[0], refine="wait")
    clock.now += UNSETTLED_SECONDS
    final = ask(url)
    assert final.headers["etag"] == draft.headers["etag"]
    assert final.caching == "public, max-age=31536000, immutable"


def test_refine_wait_is_final_at_once_and_the_same_variant(ask: Ask, shoe: Master, wanted: Wanted) -> None:
    final = ask(signed_path(shoe, {**PARAMS, "refine": "wait"}))
    assert final.caching == "public, max-age=31536000, immutable"
    same = ask(signed_path(shoe, PARAMS))
    assert (same.headers["x-cache"], same.headers["etag"]) == ("memory", final.headers["etag"])
    assert wanted.keys == []


def test_refine_0_never_waits_and_causes_nothing(ask: Ask, shoe: Master, wanted: Wanted) -> None:
    configure(delivery_budget_ms=600_000)
    draft = ask(signed_path(shoe, {**PARAMS, "refine": "0"}))
    assert draft.caching == "public, max-age=2"
    assert wanted.keys == []
    assert ask(signed_path(shoe, PARAMS)).caching == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("text", ["", "1", "Wait", "true", "00", "x" * 500])
def test_anything_else_for_refine_is_refused_in_a_sentence(ask: Ask, shoe: Master, text: str) -> None:
    answer = ask(forced("/i/products/shoe", f"refine={text}", "w=320"))
    assert answer.status == 400
    message = json.loads(answer.body)["message"]
    assert message.startswith("Expected wait or 0 for refine, received ")
    assert len(message) < 150


def test_refine_counts_only_as_it_is_written() -> None:
    with pytest.raises(BadParameter, match="known parameter"):
        parse_asked("/i/shoe", Verified(("%72efine=wait",), None, KEY))


def test_strict_mode_lets_refine_through(ask: Ask, shoe: Master) -> None:
    """It shapes no bytes, so nobody can have more of them rendered by it."""
    configure(delivery_strict=True)
    assert ask(forced("/i/products/shoe", "fm=avif", "refine=wait", "w=1200")).status == 200


def test_no_preset_says_refine() -> None:
    with pytest.raises(BadParameter, match="refine"):
        check_params("w=800&refine=wait")


def test_whatever_q_says_in_the_url_is_final_at_once(ask: Ask, shoe: Master, wanted: Wanted) -> None:
    for refine in ({}, {"refine": "0"}, {"refine": "wait"}):
        answer = ask(signed_path(shoe, {**PARAMS, "q": "70", **refine}))
        assert answer.caching == "public, max-age=31536000, immutable"
    assert wanted.keys == []


def test_a_purge_takes_the_draft_too(ask: Ask, shoe: Master, clock: Clock, renderer: Renderer) -> None:
    url = signed_path(shoe, PARAMS)
    ask(url)
    purge_master(shoe)
    assert ask(url).headers["x-cache"] == "render"
    assert [each.predict for each in renderer.renders] == [True, True]


def test_formats_are_compared_at_once_only_where_the_budget_allows_it(
    ask: Ask, shoe: Master, clock: Clock, wanted: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in = Together(avif=900, webp=700, jpeg=1200)
    monkeypatch.setattr(comparing, "render_together", stand_in)
    draft = ask(signed_path(shoe, {"w": "1200"}), HTTP_ACCEPT=BROWSER)
    assert (draft.headers["content-type"], draft.caching) == ("image/avif", "public, max-age=2")
    assert (stand_in.calls, len(wanted.keys)) == ([], 1)
    final = ask(signed_path(shoe, {"w": "1200", "refine": "wait"}), HTTP_ACCEPT=BROWSER)
    assert (final.headers["content-type"], final.caching) == ("image/webp", "public, max-age=31536000, immutable")
    assert stand_in.calls == [["avif", "webp", "jpeg"]]
    clock.now += UNSETTLED_SECONDS
    same = ask(signed_path(shoe, {"w": "1200"}), HTTP_ACCEPT=BROWSER)
    assert (same.headers["etag"], len(wanted.keys)) == (final.headers["etag"], 1)


def test_batches_and_comparisons_make_finals(shoe: Master, monkeypatch: pytest.MonkeyPatch) -> None:
    asked_for: list[RenderRequest] = []
    limits: list[float] = []

    class Pool:
        def render_many(
            self, _source: object, requests: list[RenderRequest], *, timeout_seconds: float, **_: Any
        ) -> list[Rendition]:
            asked_for.extend(requests)
            limits.append(timeout_seconds)
            return [rendition(b"a final", each.format) for each in requests]

    monkeypatch.setattr(together, "render_pool", Pool)
    monkeypatch.setattr(together, "blob_source", lambda _blob: b"")
    figures = Figures()
    searched, said = asked(shoe, "w=1200&fm=avif"), asked(shoe, "w=1200&fm=avif&q=70")
    together.render_together([searched, said])
    assert [(each.effort, each.predict) for each in asked_for] == [("full", False), ("quick", False)]
    assert figures.grown("imgopt_finals_total", format="avif", made="together") == 1
    assert not service().fetch(searched).entry.receipt.provisional
    together.render_together([said] * 50)
    one = settings.CONFIG.render_timeout_seconds
    assert limits == [(SEARCH_LIMITS + 1) * one, MOST_LIMITS * one], "a search has four times the limit of a render"
