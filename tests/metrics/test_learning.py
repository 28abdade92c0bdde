"""What searches teach: curves, which only speed, and decisions, which are kept to."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from django.db import OperationalError
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from metrics import learning, receipts
from metrics.curves import added, merged, rising
from metrics.learning import GENERAL, MOST_REMEMBERED, REMEMBERED_SECONDS, Lesson, Priors
from metrics.models import Curve, VariantQuality
from pipeline.limits import Limits
from pipeline.receipt import Receipt
from pipeline.request import Decided, Prior, RenderRequest
from pipeline.spec import TransformSpec
from pipeline.targets import TARGETS
from tests.metrics.test_receipts import RECEIPT, noted

CURVE = ((50, 0.95), (60, 0.97), (70, 0.99))


def lesson(digest: str = "d", curve: Any = CURVE, **changes: Any) -> Lesson:
    return Lesson(**{"digest": digest, "format": "avif", "effort": "quick", "width": 640, "curve": curve, **changes})


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    learning.PRIORS.clear()


means = st.lists(st.tuples(st.integers(1, 100), st.floats(0, 12), st.integers(1, 200)), max_size=20)


@given(means)
def test_a_curve_rises_wherever_its_means_fall(some: list[tuple[int, float, int]]) -> None:
    by_quality = sorted({one[0]: one for one in some}.values())
    curve = rising(by_quality)
    assert [quality for quality, _ in curve] == [quality for quality, _, _ in by_quality]
    similar = [ssim for _, ssim in curve]
    assert similar == sorted(similar)
    assert all(0 <= ssim < 1 for ssim in similar)


def test_means_that_rise_are_left_as_they_are() -> None:
    curve = rising(added([], CURVE))
    assert [quality for quality, _ in curve] == [50, 60, 70]
    assert [round(ssim, 4) for _, ssim in curve] == [0.95, 0.97, 0.99]


def test_a_mean_follows_what_is_seen_last_however_many_there_were() -> None:
    found: list[Any] = []
    for _ in range(500):
        found = added(found, [(60, 0.9)])
    for _ in range(1000):
        found = added(found, [(60, 0.99)])
    [(_, ssim)] = rising(found)
    assert ssim == pytest.approx(0.99, abs=0.001)


def test_a_loss_of_nothing_has_a_mean_too() -> None:
    assert rising(added([], [(100, 1.0), (99, 1.00000001)]))[0][1] < 1


@pytest.mark.django_db
def test_a_masters_own_curve_goes_before_that_of_pictures_in_general() -> None:
    learning.learn([lesson("one"), lesson("two", ((50, 0.85), (60, 0.91)))])
    own = learning.prior_for("one", "avif", "quick")
    assert own == Prior(points=CURVE, is_own=True)
    general = learning.prior_for("three", "avif", "quick")
    assert general is not None
    assert not general.is_own
    assert [quality for quality, _ in general.points] == [50, 60, 70]
    assert 0.85 < general.points[0][1] < 0.95


@pytest.mark.django_db
def test_each_format_and_effort_has_its_own() -> None:
    better = ((50, 0.96), (60, 0.98))
    learning.learn([lesson(), lesson(effort="full", curve=better), lesson(format="webp")])
    assert learning.prior_for("d", "avif", "quick") == Prior(points=CURVE, is_own=True)
    assert learning.prior_for("d", "avif", "full") == Prior(points=better, is_own=True)
    assert learning.prior_for("d", "jpeg", "full") is None


@pytest.mark.django_db
def test_a_draft_goes_by_the_curve_of_a_final() -> None:
    learning.learn([lesson("another"), lesson(effort="full")])
    assert learning.prior_for("d", "avif", "quick") == Prior(points=CURVE, is_own=True)


@pytest.mark.django_db
def test_another_width_begins_anew_and_the_same_adds() -> None:
    learning.learn([lesson()])
    learning.learn([lesson(curve=((60, 0.975), (65, 0.98)))])
    assert Curve.objects.get(digest="d").points == [[50, 0.95], [60, 0.975], [65, 0.98], [70, 0.99]]
    learning.learn([lesson(curve=((40, 0.96), (45, 0.97)), width=1280)])
    row = Curve.objects.get(digest="d")
    assert (row.points, row.width, row.seen) == ([[40, 0.96], [45, 0.97]], 1280, 3)
    assert Curve.objects.get(digest=GENERAL).seen == 3
    assert merged([], CURVE) == list(CURVE)


@pytest.mark.django_db
def test_one_point_is_no_lesson(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        learning.learn([lesson(curve=((60, 0.97),)), lesson(curve=())])


@pytest.mark.django_db
def test_a_hundred_lessons_take_a_few_queries(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_max_num_queries(3):
        learning.learn([lesson(f"{number}") for number in range(100)])
    assert Curve.objects.count() == 101
    assert Curve.objects.get(digest=GENERAL).seen == 100


@pytest.mark.django_db
def test_forgets_the_curves_of_some_bytes_and_not_what_pictures_have_in_common() -> None:
    learning.learn([lesson("one"), lesson("one", format="webp"), lesson("two")])
    learning.forget(["one", "three"])
    assert set(Curve.objects.values_list("digest", "format")) == {("two", "avif"), (GENERAL, "avif"), (GENERAL, "webp")}


@pytest.mark.django_db
def test_a_curve_is_asked_for_once_in_two_seconds(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    now = 0.0
    priors = Priors(clock=lambda: now)
    with django_assert_num_queries(1):
        assert priors.find("d", "avif", "quick") is None
        assert priors.find("d", "avif", "quick") is None
    learning.learn([lesson()])
    now = REMEMBERED_SECONDS
    assert priors.find("d", "avif", "quick") is not None


@pytest.mark.django_db
def test_remembers_only_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "_read", lambda *_: None)
    priors = Priors()
    for number in range(MOST_REMEMBERED + 50):
        priors.find(f"{number}", "avif", "quick")
    assert len(priors._known) == MOST_REMEMBERED


def away(*_: Any, **__: Any) -> Any:
    raise OperationalError("away")


def test_without_the_database_nothing_is_known_and_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Curve.objects, "filter", away)
    monkeypatch.setattr(VariantQuality.objects, "filter", away)
    assert learning.prior_for("d", "avif", "quick") is None
    assert learning.decided_for("k") is None
    assert learning.informed(asked(), digest="d", key="k") == asked()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("receipt", "decided"),
    [
        (RECEIPT, Decided(quality=71, chroma="4:4:4", bound="max-bytes")),
        (replace(RECEIPT, chroma=None), Decided(quality=71, chroma="4:2:0", bound="max-bytes")),
        (replace(RECEIPT, quality=None), Decided(quality=None, chroma="4:4:4", bound="max-bytes")),
        (replace(RECEIPT, provisional=True), None),
        (replace(RECEIPT, target=None), None),
        (
            replace(RECEIPT, quality=None, passthrough=True),
            Decided(quality=None, chroma="4:4:4", bound="max-bytes", own_bytes=True),
        ),
        (Receipt(state="pending", quality=80), None),
    ],
)
def test_a_final_of_a_target_is_a_decision_and_nothing_else_is(receipt: Receipt, decided: Decided | None) -> None:
    receipts.record([noted(receipt=receipt)])
    assert learning.decided_for(noted().key) == decided


def asked(**spec: Any) -> RenderRequest:
    spec = {"quality": TARGETS["good"], **spec}
    return RenderRequest(spec=TransformSpec(**spec), format="avif", limits=Limits())


@pytest.mark.django_db
def test_a_request_with_a_target_is_told_what_is_known(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    learning.learn([lesson()])
    told = learning.informed(asked(), digest="d", key=noted().key)
    assert (told.prior, told.decided) == (Prior(points=CURVE, is_own=True), None)
    receipts.record([noted()])
    told = learning.informed(asked(), digest="d", key=noted().key)
    assert (told.prior, told.decided) == (None, Decided(quality=71, chroma="4:4:4", bound="max-bytes"))
    with django_assert_num_queries(0):
        assert learning.informed(asked(quality=80), digest="d", key=noted().key) == asked(quality=80)


def test_the_order_of_lessons_hardly_matters() -> None:
    some = [[(60, 0.95 + number / 1000), (70, 0.97)] for number in range(20)]
    forth: list[Any] = []
    back: list[Any] = []
    for curve in some:
        forth = added(forth, curve)
    for curve in random.Random(5).sample(some, len(some)):
        back = added(back, curve)
    assert rising(forth)[0][1] == pytest.approx(rising(back)[0][1], abs=1e-5)
