"""Receipts in the database: many in a few statements, found by key."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from metrics import receipts
from metrics.models import Curve, FormatSizes, VariantQuality
from metrics.receipts import Noted
from pipeline.quality.scores import Scores
from pipeline.receipt import Receipt
from pipeline.targets import TARGETS

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
SCORES = Scores(
    ssim=0.9721, worst_tile=0.931, psnr=None, identical=False, rmse=2.5, delta_e_mean=0.5, delta_e_p95=1.5,
    delta_e_p99=2.5, chroma_delta_e=1.25,
)  # fmt: skip
RECEIPT = Receipt(
    state="measured", scores=SCORES, quality=71, chroma="4:4:4", effort="full", target=TARGETS["good"],
    target_met=False, bound="max-bytes", tries=4, encoder="3/pyvips", seconds={"encode": 0.5},
)  # fmt: skip
PENDING = Receipt(state="pending", quality=80)


def noted(number: int = 1, receipt: Receipt = RECEIPT, *, digest: str = "d", at: datetime = NOW) -> Noted:
    return Noted(
        key=f"{number:064}", digest=digest, format="avif", width=640, height=480, byte_size=1000 + number,
        receipt=receipt, created_at=at,
    )  # fmt: skip


def test_comes_back_whole() -> None:
    receipts.record([noted()])
    assert receipts.find(noted().key) == RECEIPT
    assert receipts.find(noted(2).key) is None


def test_what_is_searched_and_charted_stands_in_columns() -> None:
    receipts.record([noted()])
    row = VariantQuality.objects.get()
    assert (row.digest, row.format, row.width, row.height, row.byte_size) == ("d", "avif", 640, 480, 1001)
    assert (row.ssim, row.worst_tile) == (0.9721, 0.931)
    assert (row.delta_e_mean, row.delta_e_p95, row.delta_e_p99) == (0.5, 1.5, 2.5)
    assert (row.quality, row.target, row.target_met, row.tries, row.provisional) == (71, 0.97, False, 4, False)
    assert row.created_at == NOW


def test_what_cannot_be_measured_has_a_row_without_figures() -> None:
    receipts.record([noted(receipt=Receipt(state="unmeasurable", reason="One pixel."))])
    row = VariantQuality.objects.get()
    assert (row.ssim, row.worst_tile, row.delta_e_mean, row.target, row.target_met) == (None,) * 5
    found = receipts.find(row.key)
    assert found is not None
    assert found.reason == "One pixel."


def test_of_one_key_the_last_counts() -> None:
    better = replace(RECEIPT, quality=72)
    receipts.record([noted(), noted(receipt=better)])
    assert receipts.find(noted().key) == better
    receipts.record([noted()])
    assert receipts.find(noted().key) == RECEIPT
    assert VariantQuality.objects.count() == 1


def test_pending_is_no_row_and_takes_an_older_one_away() -> None:
    receipts.record([noted(1), noted(2)])
    receipts.record([noted(1, PENDING), noted(3, PENDING)])
    assert set(VariantQuality.objects.values_list("key", flat=True)) == {noted(2).key}


def test_a_draft_does_not_take_the_place_of_a_final() -> None:
    draft = replace(RECEIPT, quality=50, provisional=True)
    receipts.record([noted(1, draft), noted(2)])
    assert receipts.find(noted(1).key) == draft
    receipts.record([noted(1), noted(2, draft)])
    assert receipts.find(noted(1).key) == receipts.find(noted(2).key) == RECEIPT


def test_many_are_written_and_found_in_few_queries(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    many = [noted(number) for number in range(100)]
    with django_assert_max_num_queries(3):  # SQLite takes 999 values a query
        receipts.record(many)
    with django_assert_max_num_queries(1):
        assert len(receipts.find_many([one.key for one in many])) == 100
    with django_assert_max_num_queries(0):
        receipts.record([])


def test_forgets_what_was_made_of_some_bytes_before_a_moment() -> None:
    later = NOW + timedelta(seconds=1)
    receipts.record([noted(1), noted(2, at=later), noted(3, digest="other")])
    receipts.forget(["d"], before=later)
    assert set(receipts.find_many([noted(n).key for n in (1, 2, 3)])) == {noted(2).key, noted(3).key}


@pytest.mark.parametrize("model", [VariantQuality, Curve, FormatSizes])
def test_the_admin_shows_and_changes_nothing(client: Client, model: type) -> None:
    receipts.record([noted(), noted(2, Receipt(state="unmeasurable", reason="<b>One</b> pixel."))])
    Curve.objects.create(digest="d", format="avif", effort="full", points=[[60, 0.96]], updated_at=NOW)
    FormatSizes.objects.create(digest="d", target="auto:good", byte_sizes={"avif": 1}, width=640, created_at=NOW)
    client.force_login(User.objects.create_superuser("root"))
    address = f"/admin/metrics/{model.__name__.lower()}/"
    assert client.get(address).status_code == 200
    for row in model._default_manager.all():  # type: ignore[attr-defined]
        page = client.get(f"{address}{row.pk}/change/")
        assert page.status_code == 200
        assert b"<b>One" not in page.content
        assert client.post(f"{address}{row.pk}/change/", {"format": "x"}).status_code == 403
        assert client.post(f"{address}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.get(f"{address}add/").status_code == 403


def test_the_admin_lists_figures_and_filters_them(client: Client) -> None:
    receipts.record([noted(), noted(2, replace(RECEIPT, target_met=True))])
    client.force_login(User.objects.create_superuser("root"))
    address = "/admin/metrics/variantquality/"
    text = client.get(address).content.decode()
    assert all(figure in text for figure in ("0.9721", "0.9310", "0.50", "640 × 480", "71"))
    assert client.get(f"{address}?target_met__exact=0").content.decode().count("0.9721") == 1
    assert client.get(f"{address}?format=webp").content.decode().count("0.9721") == 0
