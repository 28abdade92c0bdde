"""What was decided for a variant is kept to: rendered again it has the same bytes, whatever was learnt meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from assets.masters import create_masters, inspect_upload
from assets.models import Master
from assets.uploads import upload_from_bytes
from delivery.publish import signed_path
from delivery.records import RECORDS
from delivery.service import service
from delivery.together import render_together
from metrics import learning, receipts
from metrics.learning import Lesson
from metrics.models import Curve, VariantQuality
from pipeline.pool import RenderPool
from pipeline.rendition import Rendition
from pipeline.request import RenderRequest
from tests import images
from tests.delivery.figures import Figures
from tests.delivery.world import Answer, asked

Ask = Callable[..., Answer]
pytestmark = pytest.mark.django_db

TARGET = {"w": "160", "snap": "0", "q": "auto:good"}


def add(key: str, data: bytes) -> Master:
    with upload_from_bytes(data, "photo.jpg") as upload:
        [master] = create_masters([inspect_upload(upload)], keys=[key])
    return master


@pytest.fixture
def shoe() -> Master:
    return add("shoe", images.encoded(images.scene(320, 240), "png"))


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    learning.PRIORS.clear()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[RenderRequest]:
    """What the children are asked for."""
    asked: list[RenderRequest] = []
    render = RenderPool.render

    def noted(self: RenderPool, source: Any, request: RenderRequest, **options: Any) -> Rendition:
        asked.append(request)
        return render(self, source, request, **options)

    monkeypatch.setattr(RenderPool, "render", noted)
    return asked


def evict(of: Master) -> None:
    """The tiers lose it, as tiers may; the database does not."""
    RECORDS.flush()
    service().purge(of.blob.digest)
    learning.PRIORS.clear()


@pytest.mark.parametrize("kind", ["webp", "jpg", "avif", "png"])
def test_an_evicted_variant_comes_back_with_the_same_bytes_in_one_encode(ask: Ask, shoe: Master, kind: str) -> None:
    url = signed_path(shoe, {**TARGET, "fm": kind})
    first = ask(url)
    decided = first.headers["quality"]
    evict(shoe)
    Curve.objects.update(points=[[1, 0.5], [5, 0.9999]])  # whoever believes that ends elsewhere
    again = ask(url)
    assert again.headers["x-cache"] == "render"
    assert (again.body, again.headers["etag"]) == (first.body, first.headers["etag"])
    assert again.headers["quality"].rpartition(", tries=") == (decided.rpartition(", tries=")[0], ", tries=", "1")


def test_every_process_keeps_to_what_the_database_says_was_decided(
    ask: Ask, shoe: Master, told: list[RenderRequest]
) -> None:
    """A search would find another quality than this one, which some other process is made out to have found."""
    url = signed_path(shoe, {**TARGET, "fm": "webp"})
    first = ask(url)
    evict(shoe)
    row = VariantQuality.objects.get()
    row.quality, row.receipt = 33, {**row.receipt, "quality": 33}
    row.save()
    second = ask(url)
    assert "q=33, " in second.headers["quality"]
    assert second.body != first.body
    evict(shoe)
    service.cache_clear()
    third = ask(url)
    assert third.body == second.body
    assert [request.decided and request.decided.quality for request in told] == [None, 33, 33]
    assert told[1].prior is told[2].prior is None


def test_the_masters_own_bytes_are_decided_without_an_encode(ask: Ask, told: list[RenderRequest]) -> None:
    small = add("small", images.encoded(images.scene(200, 150), "webp", Q=20))
    url = signed_path(small, {"q": "auto:0.995", "fm": "webp"})
    first = ask(url)
    evict(small)
    receipt = receipts.find(VariantQuality.objects.get().key)
    assert receipt is not None
    assert receipt.passthrough, "or this tests nothing"
    again = ask(url)
    assert again.body == first.body
    assert told[1].decided is not None
    assert told[1].decided.own_bytes
    assert "tries=" not in again.headers["quality"]
    assert again.headers["quality"].startswith("ssim=1.000")


def test_what_is_rendered_together_keeps_to_it_too(ask: Ask, shoe: Master) -> None:
    url = signed_path(shoe, {**TARGET, "fm": "webp"})
    first = ask(url)
    evict(shoe)
    [made] = render_together([asked(shoe, "w=160&snap=0&q=auto:good&fm=webp")])
    assert isinstance(made, Rendition)
    assert (made.body, made.trial_encodes) == (first.body, 1)


def test_a_search_begins_where_another_width_of_the_master_has_ended(
    ask: Ask, shoe: Master, told: list[RenderRequest]
) -> None:
    ask(signed_path(shoe, {**TARGET, "fm": "webp"}))
    evict(shoe)
    ask(signed_path(shoe, {**TARGET, "w": "200", "fm": "webp"}))
    prior = told[1].prior
    assert told[0].prior is None
    assert prior is not None
    assert prior.is_own
    assert [list(point) for point in prior.points] == Curve.objects.get(digest=shoe.blob.digest).points
    RECORDS.flush()
    assert Curve.objects.get(digest=shoe.blob.digest).width == 200
    boot = add("boot", images.encoded(images.scene(320, 240, seed=3), "png"))
    ask(signed_path(boot, {**TARGET, "fm": "webp"}))
    assert told[2].prior is not None
    assert not told[2].prior.is_own


def test_a_quality_that_is_said_asks_for_nothing_learnt(ask: Ask, shoe: Master, told: list[RenderRequest]) -> None:
    learning.learn(
        [Lesson(digest=shoe.blob.digest, format="webp", effort="quick", width=1, curve=((1, 0.5), (9, 0.9)))]
    )
    ask(signed_path(shoe, {"w": "160", "snap": "0", "q": "60", "fm": "webp"}))
    assert (told[0].prior, told[0].decided) == (None, None)


def test_targets_and_trials_are_counted(ask: Ask, shoe: Master) -> None:
    figures = Figures()
    answer = ask(signed_path(shoe, {**TARGET, "fm": "webp"}))
    ask(signed_path(shoe, {**TARGET, "fm": "webp", "q": "auto:best", "max-bytes": "300"}))
    tries = int(answer.headers["quality"].rpartition("tries=")[2])
    assert figures.grown("imgopt_quality_targets_total", format="webp", outcome="met") == 1
    assert figures.grown("imgopt_quality_targets_total", format="webp", outcome="missed") == 1
    assert figures.grown("imgopt_quality_trial_encodes_count", format="webp") == 2
    assert figures.grown("imgopt_quality_trial_encodes_sum", format="webp") >= tries
    assert figures.grown("imgopt_quality_receipts_total", state="measured") == 2
    assert figures.grown("imgopt_quality_ssim_count", format="webp") == 2
    ask(signed_path(shoe, {"w": "160", "snap": "0", "q": "60", "fm": "webp"}))
    assert figures.grown("imgopt_quality_receipts_total", state="pending") == 1
