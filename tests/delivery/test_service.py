"""From a request to its bytes: tiers in order, one render, and nothing kept that should be gone."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages

from apikeys.errors import RateLimited
from delivery.entry import entry_of
from delivery.service import Served, VariantService, service
from delivery.tiers.guard import Guarded
from delivery.tiers.storage import StorageTier
from delivery.variants import VariantRequest
from pipeline.errors import Busy, ChildDied, RenderFailed
from tests.delivery.figures import Figures
from tests.delivery.world import DictTier, Renderer, asked, at_once, configure, entry, raiser, service_of

REQUEST = asked()


@pytest.fixture
def subject(tmp_path: Path, render: Renderer, fast: DictTier, slow: DictTier) -> VariantService:
    return service_of(tmp_path, render, fast, slow)


def test_renders_once_then_answers_from_memory(subject: VariantService, render: Renderer) -> None:
    first, second = subject.fetch(REQUEST), subject.fetch(REQUEST)
    assert (first.tier, second.tier) == ("render", "memory")
    assert first.entry == second.entry
    assert render.calls == [REQUEST.key]


def test_a_render_is_kept_in_every_tier(subject: VariantService, fast: DictTier, slow: DictTier) -> None:
    served = subject.fetch(REQUEST)
    assert fast.entries == slow.entries == {REQUEST.key: served.entry}
    assert subject.memory.get(REQUEST.key) == served.entry


def test_the_fastest_tier_that_has_it_answers_and_the_faster_ones_are_filled(
    subject: VariantService, render: Renderer, fast: DictTier, slow: DictTier
) -> None:
    slow.entries[REQUEST.key] = entry("kept")
    assert subject.fetch(REQUEST) == Served(entry("kept"), "storage")
    assert fast.entries == {REQUEST.key: entry("kept")}
    assert slow.calls == ["get"], "what has it already is not written again"
    assert subject.fetch(REQUEST) == Served(entry("kept"), "memory")
    subject.memory.purge(REQUEST.key.digest)
    assert subject.fetch(REQUEST) == Served(entry("kept"), "redis")
    assert slow.calls == ["get"]
    assert render.calls == []


def test_a_memory_hit_asks_nobody(subject: VariantService, fast: DictTier, slow: DictTier) -> None:
    subject.memory.put(REQUEST.key, entry("kept"))
    fast.error = slow.error = AssertionError("asked")
    assert subject.fetch(REQUEST, before_render=raiser("the limit")).tier == "memory"


def test_a_broken_lasting_tier_does_not_break_the_answer(tmp_path: Path, render: Renderer) -> None:
    broken, well = DictTier("redis"), DictTier("storage")
    broken.error = ConnectionError("away")
    subject = service_of(tmp_path, render, Guarded(broken), Guarded(well))
    assert subject.fetch(REQUEST).tier == "render"
    assert well.entries.keys() == {REQUEST.key}
    subject.memory.purge(REQUEST.key.digest)
    assert subject.fetch(REQUEST).tier == "storage"
    well.error = OSError(28, "no space left")
    subject.purge(REQUEST.key.digest)
    assert subject.fetch(REQUEST).tier == "render"


def test_the_real_service_guards_each_of_its_lasting_tiers() -> None:
    assert [type(tier) for tier in service().lasting] == [Guarded]
    assert isinstance(service().lasting[0].tier, StorageTier)  # type: ignore[attr-defined]
    assert service().lasting[0].tier._evictor is not None  # type: ignore[attr-defined]
    assert service() is service()


def test_what_was_deleted_or_replaced_while_it_rendered_leaves_nothing_behind(
    subject: VariantService, render: Renderer, fast: DictTier, slow: DictTier
) -> None:
    said: list[bool] = []
    render.before = lambda: said.append(False)
    served = subject.fetch(REQUEST, is_current=lambda: not said)
    assert served.tier == "render", "who asked before gets his answer"
    assert fast.entries == slow.entries == {}
    assert "put" not in fast.calls + slow.calls, "not even for a moment"
    assert subject.memory.get(REQUEST.key) is None


def test_what_was_deleted_or_replaced_while_it_was_stored_is_removed_again(
    subject: VariantService, fast: DictTier, slow: DictTier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The purge has gone through a tier before the entry came there."""
    said: list[bool] = []
    real = slow.put

    def purged_first(*arguments: Any) -> None:
        subject.purge(REQUEST.key.digest)
        said.append(True)
        real(*arguments)

    monkeypatch.setattr(slow, "put", purged_first)
    assert subject.fetch(REQUEST, is_current=lambda: not said).tier == "render"
    assert fast.entries == slow.entries == {}
    assert subject.memory.get(REQUEST.key) is None


def test_a_failed_render_is_told_and_not_kept(subject: VariantService, render: Renderer, slow: DictTier) -> None:
    render.error = RenderFailed("Expected a picture, received a crash.")
    for _ in range(2):
        with pytest.raises(RenderFailed):
            subject.fetch(REQUEST)
    assert len(render.calls) == 2, "an error is not remembered"
    assert slow.entries == {}
    render.error = None
    assert subject.fetch(REQUEST).tier == "render"


def test_a_child_that_died_once_costs_nobody_his_answer(subject: VariantService, render: Renderer) -> None:
    def die_once() -> None:
        render.before = lambda: None
        raise ChildDied("Its render process died.")

    render.before = die_once
    assert {type(one) for one in at_once(20, lambda: subject.fetch(REQUEST))} == {Served}
    assert len(render.calls) == 2


def test_a_picture_that_kills_children_kills_two_and_no_more(subject: VariantService, render: Renderer) -> None:
    render.error = ChildDied("Its render process died.")
    with pytest.raises(RenderFailed):
        subject.fetch(REQUEST)
    assert len(render.calls) == 2


def test_the_limit_is_asked_before_a_render_and_for_nothing_else(
    subject: VariantService, render: Renderer, slow: DictTier
) -> None:
    def refuse() -> None:
        raise RateLimited("too many", 1)

    with pytest.raises(RateLimited):
        subject.fetch(REQUEST, before_render=refuse)
    assert render.calls == []
    slow.entries[REQUEST.key] = entry("kept")
    assert subject.fetch(REQUEST, before_render=refuse).tier == "storage"


def test_two_hundred_threads_make_one_render(subject: VariantService, render: Renderer, slow: DictTier) -> None:
    served = at_once(200, lambda: subject.fetch(REQUEST))
    assert {one.entry.body for one in served if isinstance(one, Served)} == {f"{REQUEST.key.name} by avif".encode()}
    assert len(served) == 200
    assert len(render.calls) == 1
    assert slow.calls.count("put") == 1


def test_two_processes_make_one_render(
    tmp_path: Path, render: Renderer, slow: DictTier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two services with one folder of locks and one storage stand for two processes."""
    one, other = (service_of(tmp_path, render, slow) for _ in range(2))
    waits = threading.Event()
    monkeypatch.setattr("assets.locks.machine.time.sleep", lambda _seconds: waits.set())
    with ThreadPoolExecutor(1) as pool:

        def the_other_one_wants_it_too() -> None:
            render.before = lambda: None
            second.append(pool.submit(other.fetch, REQUEST))
            assert waits.wait(20), "the other process does not wait"

        second: list[Future[Served]] = []
        render.before = the_other_one_wants_it_too
        assert one.fetch(REQUEST).tier == "render"
        assert second[0].result(20).tier == "storage"
    assert len(render.calls) == 1


def test_a_client_over_its_limit_does_not_turn_others_away(subject: VariantService) -> None:
    turns = iter([True] * 3 + [False] * 60)

    def some_are_refused() -> None:
        if next(turns):
            raise RateLimited("too many", 1)

    served = at_once(12, lambda: subject.fetch(REQUEST, before_render=some_are_refused))
    assert sum(isinstance(one, RateLimited) for one in served) == 3
    assert sum(isinstance(one, Served) for one in served) == 9


def test_a_purge_reaches_every_tier(subject: VariantService, fast: DictTier, slow: DictTier) -> None:
    subject.fetch(REQUEST)
    subject.purge(REQUEST.key.digest)
    assert fast.entries == slow.entries == {}
    assert subject.fetch(REQUEST).tier == "render"


def test_what_is_read_while_a_purge_goes_on_does_not_fill_the_purged_tiers(
    subject: VariantService, fast: DictTier, slow: DictTier, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject.fetch(REQUEST)
    real = slow.purge

    def read_meanwhile(digest: str) -> None:
        for tier in (subject.memory, fast):
            tier.purge(digest)
        assert subject.fetch(REQUEST).tier == "storage"
        real(digest)

    monkeypatch.setattr(slow, "purge", read_meanwhile)
    subject.purge(REQUEST.key.digest)
    assert subject.fetch(REQUEST).tier == "render"


def test_what_was_read_before_a_purge_does_not_stay_in_memory(
    subject: VariantService, slow: DictTier, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow.entries[REQUEST.key] = entry("old")
    said: list[bool] = []
    real = slow.get

    def purged_meanwhile(key: Any) -> Any:
        found = real(key)
        subject.purge(key.digest)
        said.append(True)
        return found

    monkeypatch.setattr(slow, "get", purged_meanwhile)
    assert subject.fetch(REQUEST, is_current=lambda: not said).entry == entry("old"), "who asked before gets it"
    assert subject.memory.get(REQUEST.key) is None


def variant_file(request: VariantRequest) -> Path:
    return Path(storages["variants"].path(request.key.path))


DAMAGES = {
    "truncated": lambda data: data[:-1],
    "empty": lambda _data: b"",
    "a flipped bit": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "foreign": lambda _data: b"GIF89a",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
def test_a_damaged_stored_variant_is_made_again(damage: Any, renderer: Renderer) -> None:
    whole = service().fetch(REQUEST).entry
    file = variant_file(REQUEST)
    file.write_bytes(damage(file.read_bytes()))
    service().memory.purge(REQUEST.key.digest)
    again = service().fetch(REQUEST)
    assert (again.tier, again.entry) == ("render", whole)
    service().memory.purge(REQUEST.key.digest)
    assert service().fetch(REQUEST).tier == "storage"
    assert len(renderer.calls) == 2


def test_a_variant_of_another_key_in_its_place_is_made_again(renderer: Renderer) -> None:
    other = asked(params="w=640")
    service().fetch(REQUEST)
    service().fetch(other)
    variant_file(other).replace(variant_file(REQUEST))
    service().memory.purge(REQUEST.key.digest)
    assert service().fetch(REQUEST).tier == "render"


def test_without_a_storage_variants_are_still_answered(renderer: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_args: Any, **_options: Any) -> Any:
        raise OSError("the disk is gone")

    for call in ("open", "save"):
        monkeypatch.setattr(type(storages["variants"]), call, away)
    assert service().fetch(REQUEST).tier == "render"
    assert service().fetch(REQUEST).tier == "memory"


def test_the_variants_stay_below_their_limit_on_disk() -> None:
    from assets.eviction import Evictor

    configure(delivery_variants_mb=1)
    evictor = service().lasting[0].tier._evictor  # type: ignore[attr-defined]
    assert isinstance(evictor, Evictor)
    for number in range(15):
        storages["variants"].save(f"{number:02}/{number}", ContentFile(b"." * 100_000))
    evictor.sweep()
    left = sum(path.stat().st_size for path in Path(storages["variants"].path("")).rglob("*") if path.is_file())
    assert 0 < left <= 1_000_000


def test_served_says_how_long_each_phase_took(subject: VariantService) -> None:
    assert set(subject.fetch(REQUEST).seconds) == {"decode", "encode", "render", "store"}
    assert subject.fetch(REQUEST).seconds == {}


def test_a_render_is_counted_with_its_phases(subject: VariantService) -> None:
    figures = Figures()
    for _ in range(2):
        subject.fetch(REQUEST)
    kind = REQUEST.render.format
    assert figures.grown("imgopt_renders_total", format=kind, outcome="rendered") == 1
    for phase in ("decode", "encode", "render", "store", "total"):
        assert figures.grown("imgopt_render_seconds_count", format=kind, phase=phase) == 1, phase
    assert figures.grown("imgopt_render_seconds_sum", format=kind, phase="encode") == pytest.approx(0.02)


def test_a_failed_render_is_counted_and_one_that_never_began_is_none(subject: VariantService, render: Renderer) -> None:
    figures = Figures()
    for error in (RenderFailed("Expected a picture, received a crash."), Busy("Expected a free place.")):
        render.error = error
        with pytest.raises(type(error)):
            subject.fetch(REQUEST)
    kind = REQUEST.render.format
    assert figures.grown("imgopt_renders_total", format=kind, outcome="failed") == 1
    assert figures.grown("imgopt_render_seconds_count", format=kind, phase="total") == 0


EMBEDDED = """
import django, sys
django.setup()
import delivery.service, delivery.pulse, delivery.views, assets.origins.current
from apikeys.admission import limit_store
limit_store(); delivery.service.service(); delivery.pulse.broadcast.listen(None)
assert not {"redis", "django_redis", "boto3", "storages"} & set(sys.modules)
"""


def test_the_embedded_shape_does_not_even_load_a_client_of_redis_or_s3() -> None:
    """Each takes a quarter of a second at every start."""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    subprocess.run([sys.executable, "-c", EMBEDDED], check=True, env=environment, timeout=60)


def test_entries_are_made_of_renditions(subject: VariantService, render: Renderer) -> None:
    assert subject.fetch(REQUEST).entry == entry_of(render(REQUEST))
