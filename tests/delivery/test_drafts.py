"""Draft or final: who gets which, what is kept, and that a final is wanted exactly where it should be."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from delivery import quality_counters
from delivery.drafts import Refine, answer_to, as_draft, as_final, first_answer, is_searched
from delivery.entry import Entry
from delivery.pace import PACE, estimated_seconds
from delivery.rendering import render_variant
from delivery.service import Served, VariantService
from delivery.tiers.memory import UNSETTLED_SECONDS, MemoryTier
from delivery.variants import VariantRequest
from pipeline.receipt import Receipt
from pipeline.targets import TARGETS
from tests.delivery.drafting import Clock, Wanted, final_of, finalised, keeping, large, small
from tests.delivery.figures import Figures
from tests.delivery.world import DictTier, Renderer, asked, configure, master, service_of


@pytest.fixture(autouse=True)
def _drafts_are_on() -> None:
    configure(delivery_quality=TARGETS["good"], delivery_drafts=True, delivery_budget_ms=250)


@pytest.fixture
def subject(tmp_path: Path, render: Renderer, fast: DictTier, slow: DictTier, clock: Clock) -> VariantService:
    subject = service_of(tmp_path, render, fast, slow)
    subject.memory = MemoryTier(10_000_000, clock=clock)
    return subject


@pytest.mark.parametrize(
    ("refine", "final_seconds", "answer"),
    [
        ("auto", 0.2499, "final"),
        ("auto", 0.25, "final"),
        ("auto", 0.2501, "draft"),
        ("wait", 60.0, "final"),
        ("wait", 0.001, "final"),
        ("never", 60.0, "draft"),
        ("never", 0.001, "draft"),
    ],
)
def test_who_waits_for_a_final(refine: Refine, final_seconds: float, answer: str) -> None:
    assert first_answer(refine=refine, final_seconds=final_seconds, budget_seconds=0.25) == answer


def test_a_large_picture_is_drafted_and_a_small_one_is_not() -> None:
    assert answer_to(large(), "auto") == "draft"
    assert answer_to(small(), "auto") == "final"
    configure(delivery_budget_ms=600_000)
    assert answer_to(large(), "auto") == "final"


def test_without_drafts_every_answer_is_final() -> None:
    configure(delivery_drafts=False)
    assert {answer_to(large(), refine) for refine in ("auto", "wait", "never")} == {"final"}


@pytest.mark.parametrize(
    "request_",
    [
        large("w=1200&fm=avif&q=80"),
        large("w=1200&fm=gif"),
        asked(master(format="gif", pages=12), params="w=1200"),
        asked(master(format="gif", pages=12), params="w=1200&fm=webp&min-worst-tile=0.95"),
    ],
    ids=["q said", "gif", "animation", "animation with a bound"],
)
def test_what_is_not_searched_for_is_never_drafted(request_: VariantRequest) -> None:
    assert not is_searched(request_)
    assert {answer_to(request_, refine) for refine in ("auto", "wait", "never")} == {"final"}
    final = as_final(request_)
    assert (final.render.effort, final.render.predict) == ("quick", False)


def test_one_frame_of_an_animation_is_a_still() -> None:
    assert is_searched(asked(master(format="gif", pages=12), params="w=1200&page=2&fm=webp&q=auto"))
    assert is_searched(asked(master(format="gif", pages=12), params="w=1200&fm=avif&q=auto"))


def test_drafts_and_finals_have_one_key_and_a_final_knows_no_budget() -> None:
    request = large()
    draft, final = as_draft(request), as_final(request)
    assert draft.key == final.key == request.key
    assert (draft.render.effort, draft.render.predict) == ("quick", True)
    assert (final.render.effort, final.render.predict) == ("full", False)
    configure(delivery_budget_ms=0)
    assert as_final(large()).render == final.render
    assert large().key == request.key


def test_formats_that_have_still_to_be_compared_take_their_time_together() -> None:
    alone = large()
    rivals = replace(alone, rivals=("avif", "webp", "jpeg"))
    assert estimated_seconds(rivals) > estimated_seconds(alone) > 0


def test_what_is_written_again_as_it_was_decided_says_nothing_of_the_pace_of_searches(
    subject: VariantService, render: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("delivery.drafts.estimated_seconds", lambda _request: 0.2)
    noted: list[float] = []
    monkeypatch.setattr(PACE, "note", lambda *_args, measured, **_: noted.append(measured))
    for tries in (1, 4):
        render.facts = {"trial_encodes": tries}
        subject.fetch(asked(master(f"m{tries}"), "w=1200&fm=avif"), refine="wait")
    assert len(noted) == 1


def test_figures_of_searches_leave_drafts_and_what_was_decided_before_out() -> None:
    figures = Figures()
    receipt = Receipt(state="unmeasurable", target=TARGETS["good"], target_met=False, tries=4)
    for each in (receipt, replace(receipt, tries=1), replace(receipt, tries=1, provisional=True)):
        quality_counters.made(Entry(body=b"", format="avif", width=1, height=1, etag='""', receipt=each))
    assert figures.grown("imgopt_quality_targets_total", format="avif", outcome="missed") == 2
    assert figures.grown("imgopt_quality_trial_encodes_count", format="avif") == 1
    assert figures.grown("imgopt_quality_trial_encodes_sum", format="avif") == 4
    assert figures.grown("imgopt_quality_receipts_total", state="unmeasurable") == 3


# What is answered and kept


def test_the_first_answer_is_a_draft_and_its_final_is_wanted_before_it(
    subject: VariantService, render: Renderer, fast: DictTier, slow: DictTier, wanted: Wanted
) -> None:
    request = large()
    served = subject.fetch(request)
    assert served.entry.receipt.provisional
    assert served.entry.body.endswith(b"at a guess")
    assert fast.entries == slow.entries == {request.key: served.entry}, "other processes make no second draft"
    assert wanted.keys == [request.key.name]
    assert [(each.effort, each.predict) for each in render.renders] == [("quick", True)]


def test_a_quick_final_is_made_at_once(subject: VariantService, render: Renderer, wanted: Wanted) -> None:
    served = subject.fetch(small())
    assert not served.entry.receipt.provisional
    assert [(each.effort, each.predict) for each in render.renders] == [("full", False)]
    assert wanted.keys == []


def test_whoever_waits_gets_the_final_although_there_is_a_draft(
    subject: VariantService, fast: DictTier, slow: DictTier, wanted: Wanted
) -> None:
    request = large()
    subject.fetch(request)
    final = subject.fetch(request, refine="wait")
    assert (final.tier, final.entry.receipt.provisional) == ("render", False)
    assert fast.entries == slow.entries == {request.key: final.entry}
    assert subject.fetch(request).entry == final.entry
    assert subject.fetch(request, refine="never").entry == final.entry
    assert len(wanted.keys) == 1


def test_whoever_never_waits_gets_a_draft_of_anything_and_causes_no_final(
    subject: VariantService, wanted: Wanted
) -> None:
    for request in (small(), large()):
        for _ in range(2):
            assert subject.fetch(request, refine="never").entry.receipt.provisional
    assert wanted.keys == []


def test_the_next_who_asks_for_such_a_draft_wants_its_final(
    subject: VariantService, render: Renderer, wanted: Wanted
) -> None:
    request = large()
    draft = subject.fetch(request, refine="never")
    assert subject.fetch(request).entry == draft.entry
    assert wanted.keys == [request.key.name]
    assert len(render.renders) == 1


def test_a_final_within_the_budget_takes_the_place_of_such_a_draft_at_once(
    subject: VariantService, wanted: Wanted
) -> None:
    subject.fetch(small(), refine="never")
    assert not subject.fetch(small()).entry.receipt.provisional
    assert wanted.keys == []


def test_a_draft_in_a_tier_is_no_answer_once_drafts_are_off(subject: VariantService) -> None:
    subject.fetch(large())
    configure(delivery_drafts=False)
    assert not subject.fetch(large(), refine="never").entry.receipt.provisional


def test_a_draft_is_asked_for_in_the_slower_tiers_after_two_seconds(
    subject: VariantService, slow: DictTier, clock: Clock
) -> None:
    request = large()
    draft = subject.fetch(request).entry
    slow.entries[request.key] = final = final_of(request)
    clock.now += UNSETTLED_SECONDS - 0.01
    assert subject.fetch(request).entry == draft
    clock.now += 0.01
    assert subject.fetch(request).entry == final


def test_a_slower_tiers_final_takes_the_place_of_a_faster_ones_draft(
    subject: VariantService, fast: DictTier, slow: DictTier, clock: Clock
) -> None:
    """As a batch leaves it, which writes into the slowest tier only."""
    request = large()
    draft = subject.fetch(request).entry
    final = final_of(request)
    subject.put_slowest(request.key, final)
    assert fast.entries == {request.key: draft}
    clock.now += UNSETTLED_SECONDS
    assert subject.fetch(request).entry == final
    assert fast.entries == {request.key: final}


def test_a_draft_found_in_a_slow_tier_is_copied_into_the_memory_only(
    subject: VariantService, fast: DictTier, clock: Clock
) -> None:
    """A final could have come into the tiers between in that moment, and would be hidden by it for a week."""
    request = large()
    draft = subject.fetch(request).entry
    fast.entries.clear()
    clock.now += UNSETTLED_SECONDS
    assert subject.fetch(request) == Served(draft, "storage")
    assert fast.entries == {}
    assert subject.fetch(request) == Served(draft, "memory")


def test_a_draft_that_comes_after_its_final_is_not_kept(
    subject: VariantService, render: Renderer, fast: DictTier, slow: DictTier, wanted: Wanted
) -> None:
    request = large()
    final = final_of(request)
    render.before = lambda: slow.entries.update({request.key: final})
    assert subject.fetch(request).entry == final
    assert slow.entries == {request.key: final}
    assert fast.entries == {}
    assert wanted.keys == []


def test_whoever_is_content_with_a_draft_does_not_wait_for_anothers_final(
    subject: VariantService, render: Renderer
) -> None:
    request = large()
    drafted, begun = threading.Event(), threading.Event()

    def before() -> None:
        if not render.renders[-1].predict:
            begun.set()
            assert drafted.wait(20), "the draft waits for the final"

    render.before = before
    with ThreadPoolExecutor(1) as pool:
        final = pool.submit(subject.fetch, request, refine="wait")
        assert begun.wait(20)
        assert subject.fetch(request).entry.receipt.provisional
        drafted.set()
        assert not final.result(20).entry.receipt.provisional
    assert not subject.fetch(request).entry.receipt.provisional


def test_what_was_purged_while_its_draft_was_made_is_not_kept(
    subject: VariantService, slow: DictTier, wanted: Wanted
) -> None:
    served = subject.fetch(large(), is_current=lambda: False)
    assert served.entry.receipt.provisional, "who asked before gets his answer"
    assert slow.entries == {}


def test_the_ledger_is_not_asked_with_every_request(
    subject: VariantService, wanted: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr("delivery.refinements.REFINEMENTS._clock", clock)
    request = large()
    for _ in range(5):
        subject.fetch(request)
    assert len(wanted.keys) == 1
    clock.now += 60
    subject.fetch(request)
    assert len(wanted.keys) == 2, "its final may have got lost"


def test_a_new_drafts_final_is_new_work(subject: VariantService, wanted: Wanted) -> None:
    request = large()
    subject.fetch(request)
    subject.purge(request.key.digest)
    subject.fetch(request)
    assert len(wanted.keys) == 2


@pytest.mark.parametrize("answer", [False, None, OSError("the database is away")], ids=["no", "nobody", "raises"])
def test_without_a_ledger_the_draft_is_answered_and_the_next_request_tries_again(
    subject: VariantService, wanted: Wanted, answer: Any
) -> None:
    request = large()
    wanted.answer = answer
    assert subject.fetch(request).entry.receipt.provisional
    tries = len(wanted.keys)
    wanted.answer = True
    for _ in range(3):
        assert subject.fetch(request).entry.receipt.provisional
    assert len(wanted.keys) == tries + 1


# In the background


def test_a_final_made_in_the_background_takes_the_drafts_place_in_every_tier(
    subject: VariantService, render: Renderer, fast: DictTier, slow: DictTier
) -> None:
    request = large()
    draft = subject.fetch(request).entry
    kept: list[Entry] = []
    final = subject.finalise(request, keeping=keeping(kept), personal=()).entry
    assert kept == [final]
    assert final.etag != draft.etag
    assert fast.entries == slow.entries == {request.key: final}
    assert [each.predict for each in render.renders] == [True, False]
    assert slow.calls[-1] == "put"


def test_a_final_that_is_there_is_not_made_again(subject: VariantService, render: Renderer) -> None:
    request = large()
    final = subject.fetch(request, refine="wait").entry
    kept: list[Entry] = []
    assert subject.finalise(request, keeping=keeping(kept), personal=()).entry == final
    assert kept == [final]
    assert len(render.renders) == 1


def test_a_final_in_the_memory_alone_is_made_again(subject: VariantService, slow: DictTier, fast: DictTier) -> None:
    """The memory of a worker may not have heard of a purge yet."""
    request = large()
    final = subject.fetch(request, refine="wait").entry
    slow.entries.clear()
    fast.entries.clear()
    assert finalised(subject, request).tier == "render"
    assert slow.entries == {request.key: final}


def test_a_final_that_may_not_be_kept_leaves_nothing_behind(subject: VariantService, slow: DictTier) -> None:
    @contextmanager
    def refuse(_entry: Entry) -> Iterator[None]:
        raise LookupError("purged")
        yield

    request = large()
    draft = subject.fetch(request).entry
    with pytest.raises(LookupError):
        subject.finalise(request, keeping=refuse, personal=())
    assert slow.entries == {request.key: draft}


def test_a_client_who_waits_shares_the_final_that_is_being_made(
    subject: VariantService, render: Renderer, tmp_path: Path, slow: DictTier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two services with one folder of locks and one storage stand for the server and a worker."""
    worker = service_of(tmp_path, render, slow)
    request = large()
    waits = threading.Event()
    monkeypatch.setattr("assets.locks.machine.time.sleep", lambda _seconds: waits.set())
    with ThreadPoolExecutor(1) as pool:
        clients: list[Any] = []

        def a_client_comes() -> None:
            render.before = lambda: None
            clients.append(pool.submit(subject.fetch, request, refine="wait"))
            assert waits.wait(20), "the client does not wait for the worker"

        render.before = a_client_comes
        final = finalised(worker, request).entry
        assert clients[0].result(20).entry == final
    assert len(render.renders) == 1


def test_drafts_and_finals_are_counted_by_who_waited(subject: VariantService) -> None:
    figures = Figures()
    request = large()
    subject.fetch(request)
    finalised(subject, request)
    subject.fetch(small())
    subject.fetch(large("w=800&fm=avif&q=70"))
    kind = request.render.format
    assert figures.grown("imgopt_drafts_total", format=kind) == 1
    assert figures.grown("imgopt_finals_total", format=kind, made="background") == 1
    assert figures.grown("imgopt_finals_total", format="jpeg", made="request") == 1
    assert figures.grown("imgopt_finals_total", format=kind, made="request") == 0


def test_a_search_has_the_time_of_several_renders(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[float] = []

    class Pool:
        def render(self, *_: Any, timeout_seconds: float, **__: Any) -> SimpleNamespace:
            limits.append(timeout_seconds)
            return SimpleNamespace(seconds={})

    monkeypatch.setattr("delivery.rendering.render_pool", Pool)
    monkeypatch.setattr("delivery.rendering.blob_source", lambda _blob: b"")
    monkeypatch.setattr("delivery.rendering.learning.informed", lambda render, **_: render)
    configure(render_timeout_seconds=10.0)
    for request in (as_draft(large()), as_final(large()), as_final(large("w=1200&fm=avif&q=70"))):
        render_variant(request)
    assert limits == [10.0, 40.0, 10.0]
