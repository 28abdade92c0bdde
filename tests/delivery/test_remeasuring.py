"""What was sent before it was measured: afterwards its own bytes have figures, in every tier and in the database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.files.storage import storages
from pytest_django import DjangoAssertNumQueries

from assets.masters import create_masters, inspect_upload
from assets.models import Master
from assets.uploads import upload_from_bytes
from delivery import remade, remeasuring
from delivery.asked import read_wishes
from delivery.entry import Entry
from delivery.models import Variant
from delivery.publish import signed_path
from delivery.purge import purge_master
from delivery.records import RECORDS
from delivery.remeasuring import EVICTED, OUTDATED, each_pending, pending, settle
from delivery.service import service
from delivery.variants import VariantKey, VariantRequest, variant_request
from metrics import receipts
from metrics.models import VariantQuality
from pipeline.errors import Busy, RenderTimeout
from pipeline.pool import RenderPool
from pipeline.receipt import Receipt
from pipeline.remeasure import MOVES
from pipeline.rendition import Measured
from tests import images
from tests.delivery.figures import Figures
from tests.delivery.world import SCORES, Answer, DictTier, asked, configure, entry, master, saved

Ask = Callable[..., Answer]
pytestmark = pytest.mark.django_db


def add(key: str, data: bytes) -> Master:
    with upload_from_bytes(data, "photo.jpg") as upload:
        [master] = create_masters([inspect_upload(upload)], keys=[key])
    return master


@pytest.fixture
def shoe() -> Master:
    return add("shoe", images.encoded(images.scene(300, 200), "jpeg"))


@pytest.fixture
def measure(monkeypatch: pytest.MonkeyPatch) -> list[VariantRequest]:
    """No child: a list of what would have been measured."""
    calls: list[Any] = []

    def measured(_self: RenderPool, _source: Any, request: Any, *_: Any, **__: Any) -> Measured:
        calls.append(request)
        return Measured(scores=SCORES, seconds=0.25)

    monkeypatch.setattr(RenderPool, "measure", measured)
    return calls


def kept(of: Master, params: str = "w=120&fm=webp&q=60", *, text: str = "picture", **facts: Any) -> Variant:
    """This will put a made-up variant into the storage tier and write it down."""
    request = asked(of, params)
    made = entry(text, request.render.format, **{"scores": None, "quality": 60, **facts})
    service().lasting[-1].put(request.key, made)
    RECORDS.note(request, made, seconds=0.1, passthrough=made.receipt.passthrough)
    RECORDS.flush()
    return Variant.objects.get(key=request.key.name)


def stored(variant: Variant) -> Entry:
    found = service().lasting[-1].get(VariantKey(variant.digest, variant.key))
    assert found is not None
    return found


def receipt_of(variant: Variant) -> Receipt:
    found = receipts.find(variant.key)
    assert found is not None
    return found


@pytest.mark.parametrize("kind", ["avif", "webp", "jpg", "png"])
def test_the_bytes_that_were_sent_are_measured(ask: Ask, shoe: Master, kind: str) -> None:
    url = signed_path(shoe, {"w": "120", "fm": kind, "q": "60", "snap": "0"})
    sent = ask(url)
    assert sent.headers["quality"].startswith("pending, q=60")
    RECORDS.flush()
    [variant] = pending()
    settled = settle(variant)
    assert settled is not None
    assert (settled.state, settled.quality, settled.reason) == ("measured", 60, "")
    assert settled.scores is not None
    assert 0.8 < settled.scores.ssim < 1
    assert {"encode", "measure"} <= set(settled.seconds)
    assert receipt_of(variant) == stored(variant).receipt
    assert not pending().exists()
    service().memory.purge(shoe.blob.digest)
    again = ask(url)
    assert (again.body, again.headers["etag"]) == (sent.body, sent.headers["etag"])
    assert again.headers["quality"] == settled.header() != sent.headers["quality"]


def test_the_masters_own_bytes_are_measured_too_and_are_identical(ask: Ask) -> None:
    shoe = add("shoe", images.encoded(images.scene(300, 200), "jpeg", Q=40))
    sent = ask(signed_path(shoe, {"fm": "jpg", "q": "100"}))
    RECORDS.flush()
    [variant] = pending()
    assert variant.passthrough, "or this tests nothing"
    settled = settle(variant)
    assert settled is not None
    assert settled.scores is not None
    assert (settled.scores.identical, settled.scores.psnr, settled.passthrough) == (True, None, True)
    assert sent.body == stored(variant).body


@pytest.mark.parametrize(
    "params",
    [
        {"w": "120", "h": "90", "fit": "crop", "fp-x": "0.25", "fp-y": "0.5"},
        {"w": "100", "mark": "logo", "mark-alpha": "60"},
        {"w": "100", "txt": "Salt & pepper + 50%;\nünï", "txt-color": "80ff0000"},
        {"w": "100", "mask": "corners", "corner-radius": "9,0,9,0", "border": "2,f00", "bg": "80ffffff"},
        {"rect": "10,10,100,80", "rot": "90", "flip": "h", "duotone": "000080,fa8072", "duotone-alpha": "50"},
        {"w": "200", "max-bytes": "2000"},
        {},
    ],
)
def test_a_request_is_made_again_from_its_row(shoe: Master, params: dict[str, str]) -> None:
    add("logo", images.encoded(images.quadrants(), "png"))
    for accept in (("avif", "webp", "jpeg"), ("jpeg",)):
        request = variant_request(shoe, read_wishes(tuple(params.items())).spec, accept)
        RECORDS.note(request, entry(), seconds=0.1, passthrough=False)
        RECORDS.flush()
        again = remade.request_of(Variant.objects.get(key=request.key.name))
        assert again is not None
        assert (again.key, again.render) == (request.key, request.render)
        assert (again.mark and again.mark.id) == (request.mark and request.mark.id)


def test_a_watermark_is_measured_with_its_picture(ask: Ask, shoe: Master) -> None:
    add("logo", images.encoded(images.quadrants(), "png"))
    ask(signed_path(shoe, {"w": "120", "fm": "webp", "q": "90", "mark": "logo", "mark-scale": "60", "snap": "0"}))
    RECORDS.flush()
    [variant] = pending()
    settled = settle(variant)
    assert settled is not None
    assert settled.scores is not None
    assert settled.scores.ssim > 0.9, "compared with the picture that has the mark on it"


def test_what_cannot_be_measured_says_why_and_is_left_alone(ask: Ask) -> None:
    moving = images.animation("gif", [images.scene(60, 40, seed=seed) for seed in (1, 2)])
    for key, data, params in (
        ("moving", moving, {"fm": "webp", "q": "50"}),
        ("dot", images.encoded(images.scene(9, 9), "png"), {"w": "1", "h": "1", "fit": "scale", "snap": "0", "q": "9"}),
    ):
        ask(signed_path(add(key, data), params), HTTP_ACCEPT="image/webp")
    RECORDS.flush()
    found = {settled.reason for variant in each_pending() if (settled := settle(variant))}
    assert MOVES in found
    assert any("pixel" in reason for reason in found)
    assert set(VariantQuality.objects.values_list("ssim", flat=True)) == {None}
    assert not pending().exists()


def test_one_that_was_evicted_says_so_and_is_measured_once_it_is_back(
    shoe: Master, measure: list[VariantRequest]
) -> None:
    variant = kept(shoe)
    storages["variants"].delete(VariantKey(variant.digest, variant.key).path)
    settled = settle(variant)
    assert settled is not None
    assert (settled.state, settled.reason, settled.quality) == ("unmeasurable", EVICTED, 60)
    assert not measure
    again = kept(shoe)
    assert not VariantQuality.objects.exists(), "pending is no row"
    assert settle(again) == receipt_of(again)
    assert receipt_of(again).scores == SCORES


def test_other_bytes_under_the_same_key_are_not_taken_for_it(shoe: Master, measure: list[VariantRequest]) -> None:
    variant = kept(shoe)
    service().lasting[-1].put(VariantKey(variant.digest, variant.key), entry("other bytes", scores=None))
    settled = settle(variant)
    assert settled is not None
    assert settled.reason == EVICTED
    assert stored(variant).receipt.state == "pending"


def test_one_of_another_version_says_so(shoe: Master, measure: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    variant = kept(shoe)
    monkeypatch.setattr("delivery.variants.fingerprint", lambda: "another")
    settled = settle(variant)
    assert settled is not None
    assert (settled.state, settled.reason) == ("unmeasurable", OUTDATED)
    assert not measure


def test_one_in_words_that_are_no_longer_known_says_so(shoe: Master, measure: list[VariantRequest]) -> None:
    variant = kept(shoe)
    Variant.objects.update(params="wobble=9&w=120")
    variant.refresh_from_db()
    settled = settle(variant)
    assert settled is not None
    assert (settled.state, settled.reason) == ("unmeasurable", OUTDATED)
    assert remade.pending_receipt(variant).quality is None
    assert not measure


def test_a_render_that_fails_is_not_tried_for_ever(shoe: Master, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: Any, **__: Any) -> Any:
        raise RenderTimeout("Expected a render to take at most 20 seconds, and it took longer.")

    monkeypatch.setattr(RenderPool, "measure", slow)
    settled = settle(kept(shoe))
    assert settled is not None
    assert (settled.state, settled.reason[:17]) == ("unmeasurable", "Expected a render")


def test_a_full_queue_is_another_matter(shoe: Master, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise Busy("full")

    monkeypatch.setattr(RenderPool, "measure", full)
    with pytest.raises(Busy):
        settle(kept(shoe))
    assert pending().count() == 1


@pytest.mark.parametrize("call", ["get", "put"])
def test_a_broken_tier_is_no_eviction(
    shoe: Master, measure: list[VariantRequest], monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    variant = kept(shoe)
    with monkeypatch.context() as patch:
        broken = DictTier()
        patch.setattr(service(), "lasting", [broken, *service().lasting])
        patch.setattr(broken, call, lambda *_: 1 / 0)
        if call == "put":
            patch.setattr(broken, "get", lambda _key: stored(variant))
        assert settle(variant) is None
    assert (pending().count(), VariantQuality.objects.count()) == (1, 0)
    assert settle(variant) is not None


def test_a_master_that_cannot_be_read_waits(shoe: Master, measure: list[VariantRequest]) -> None:
    variant = kept(shoe)
    storages["masters"].delete(shoe.blob.storage_name)
    assert settle(variant) is None
    assert pending().count() == 1


def test_every_tier_that_has_it_gets_the_receipt(
    shoe: Master, measure: list[VariantRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    variant = kept(shoe)
    key = VariantKey(variant.digest, variant.key)
    fast, empty = DictTier("redis"), DictTier("other")
    fast.entries[key] = stored(variant)
    monkeypatch.setattr(service(), "lasting", [fast, empty, *service().lasting])
    settle(variant)
    assert fast.entries[key].receipt.scores == stored(variant).receipt.scores == SCORES
    assert fast.entries[key].body == b"picture"
    assert not empty.entries, "what a tier has dropped it does not get back"


def test_what_was_measured_elsewhere_is_only_written_down(shoe: Master, measure: list[VariantRequest]) -> None:
    """As after an end between the tiers and the database."""
    variant = kept(shoe)
    done = replace(stored(variant), receipt=replace(stored(variant).receipt, state="measured", scores=SCORES))
    service().lasting[-1].put(VariantKey(variant.digest, variant.key), done)
    settle(variant)
    assert not measure
    assert receipt_of(variant).scores == SCORES


def test_what_is_purged_meanwhile_does_not_rise_from_the_dead(shoe: Master, monkeypatch: pytest.MonkeyPatch) -> None:
    variant = kept(shoe)

    def purged(*_: Any, **__: Any) -> Measured:
        purge_master(shoe)
        return Measured(scores=SCORES)

    monkeypatch.setattr(RenderPool, "measure", purged)
    assert settle(variant) is None
    assert service().lasting[-1].get(VariantKey(variant.digest, variant.key)) is None
    assert not VariantQuality.objects.exists()


def test_what_is_rendered_again_meanwhile_is_measured_again(shoe: Master, monkeypatch: pytest.MonkeyPatch) -> None:
    variant = kept(shoe)

    def rendered(*_: Any, **__: Any) -> Measured:
        kept(shoe, text="another")
        return Measured(scores=SCORES)

    monkeypatch.setattr(RenderPool, "measure", rendered)
    assert settle(variant) is None
    assert pending().count() == 1
    assert not VariantQuality.objects.exists()


def test_what_a_killed_process_did_not_write_down_is_measured_once_it_is_asked_for(
    shoe: Master, measure: list[VariantRequest]
) -> None:
    variant = kept(shoe)
    request = asked(shoe, "w=120&fm=webp&q=60")
    variant.delete()
    for _ in range(3):
        service().memory.purge(request.key.digest)
        assert service().fetch(request).tier == "storage"
    RECORDS.flush()
    [found] = pending()
    assert (found.key, found.etag, found.byte_size) == (variant.key, variant.etag, variant.byte_size)
    assert settle(found) is not None


def test_what_is_found_waiting_takes_nothing_away_from_what_is_known(
    shoe: Master, measure: list[VariantRequest]
) -> None:
    """It was measured between the look at the tier and the pulse."""
    variant = kept(shoe)
    before = stored(variant)
    settle(variant)
    RECORDS.note_found(asked(shoe, "w=120&fm=webp&q=60"), before)
    RECORDS.flush()
    assert not pending().exists()
    assert receipt_of(variant).state == "measured"
    assert Variant.objects.get().created_at == variant.created_at


def test_only_what_is_pending_waits_and_the_newest_goes_first(
    shoe: Master, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    monkeypatch.setattr(remeasuring, "PAGE", 3)
    kept(shoe, "w=999&snap=0", scores=SCORES)
    variants = [kept(shoe, f"w={width}&snap=0&q=50") for width in range(10, 18)]
    same = datetime.now(UTC) + timedelta(seconds=1)
    Variant.objects.filter(id__in=[variant.id for variant in variants[4:]]).update(created_at=same)
    with django_assert_num_queries(4):
        found = [variant.id for variant in each_pending()]
    assert found == [variant.id for variant in reversed(variants)]


def test_is_counted(shoe: Master, measure: list[VariantRequest]) -> None:
    variant, figures = kept(shoe), Figures()
    settle(variant)
    assert figures.grown("imgopt_quality_receipts_total", state="measured") == 1
    assert figures.grown("imgopt_quality_ssim_count", format="webp") == 1


@pytest.mark.parametrize(
    ("params", "measured"),
    [({"q": "60"}, False), ({}, False), ({"q": "auto:0.9"}, True), ({"min-worst-tile": "0.5"}, True)],
)
def test_a_target_is_measured_at_once_and_a_said_quality_later(
    ask: Ask, shoe: Master, params: dict[str, str], measured: bool
) -> None:
    answer = ask(signed_path(shoe, {"w": "64", "fm": "webp", "snap": "0", **params}))
    assert answer.headers["quality"].startswith("ssim=" if measured else "pending")
    assert ("met=?" in answer.headers["quality"]) == measured
    RECORDS.flush()
    assert pending().exists() != measured


def test_the_setting_for_what_says_no_quality_counts_as_a_target(ask: Ask, shoe: Master, settings: Any) -> None:
    from pipeline.targets import TARGETS

    configure(delivery_quality=TARGETS["good"])
    answer = ask(signed_path(shoe, {"w": "64", "fm": "webp", "snap": "0"}))
    assert "target=ssim:0.97" in answer.headers["quality"]


def test_a_made_up_master_has_no_request(shoe: Master) -> None:
    ghost = saved(master("ghost"))
    variant = kept(ghost)
    Master.objects.filter(id=ghost.id).delete()
    assert remade.request_of(variant) is None


def test_further_metrics_are_measured_afterwards_as_well(shoe: Master, measure: list[Any]) -> None:
    configure(quality_metrics=("ssimulacra2",))
    settle(kept(shoe))
    assert [request.metrics for request in measure] == [("ssimulacra2",)]
