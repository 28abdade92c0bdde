"""Receipts over REST: of all variants of a master, and of one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from apikeys import service as apikeys
from assets.models import Master
from delivery.models import Variant
from delivery.purge import purge_master
from delivery.receipt_document import EXAMPLE
from delivery.records import RECORDS
from metrics.models import VariantQuality
from pipeline.targets import TARGETS
from tests.delivery.world import SCORES, Renderer, asked, entry, master, saved

pytestmark = pytest.mark.django_db

SEARCHED = {
    "quality": 68, "chroma": "4:2:0", "effort": "full", "target": TARGETS["good"], "target_met": True,
    "bound": "ssim", "trial_encodes": 3,
}  # fmt: skip


@pytest.fixture
def shoe(renderer: Renderer) -> Master:
    return saved(master(key="products/shoe"))


def note(shoe: Master, params: str = "w=320&fm=webp", *, size: int = 0, **facts: Any) -> str:
    request = asked(shoe, params)
    made = entry("x", request.render.format, size=size, **facts)
    RECORDS.note(request, made, seconds=0.1, passthrough=made.receipt.passthrough)
    RECORDS.flush()
    return request.key.name


def ask(address: str, *, scopes: tuple[str, ...] = ("read",), method: str = "GET") -> Any:
    headers = {"Authorization": f"Bearer {apikeys.issue(name='tests', scopes=list(scopes)).token}"}
    return Client().generic(method, f"/api/v1/image/{address}", headers=headers)


def told(address: str) -> Any:
    answer = ask(address)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_tells_all_that_is_known_of_a_variant(shoe: Master) -> None:
    key = note(shoe, "w=320&fm=webp&q=auto:good", size=700, **SEARCHED)
    one = told(f"products/shoe/variants/{key}/receipt")
    assert {name: one[name] for name in ("key", "params", "format", "width", "height", "byteSize")} == {
        "key": key, "params": "fm=webp&q=auto:good&w=320", "format": "webp", "width": 320, "height": 213,
        "byteSize": 700,
    }  # fmt: skip
    receipt = one["receipt"]
    assert receipt.keys() == EXAMPLE.keys()
    assert receipt["scores"] == {
        "ssim": SCORES.ssim, "worstTile": SCORES.worst_tile, "psnr": 38.2, "identical": False, "rmse": 3.1,
        "deltaEMean": 0.614, "deltaEP95": 1.4, "deltaEP99": 2.2, "chromaDeltaE": 1.9,
        "metric": "ssim-wang2004", "metricVersion": 1, "also": {},
    }  # fmt: skip
    assert receipt["target"] == {
        "asked": "auto:good", "ssim": 0.97, "worstTile": TARGETS["good"].worst_tile, "deltaEP99": None,
        "chromaDeltaE": TARGETS["good"].chroma_delta_e,
    }  # fmt: skip
    assert [receipt[name] for name in ("state", "targetMet", "bound", "tries", "quality", "chroma", "effort")] == [
        "measured", True, "ssim", 3, 68, "4:2:0", "full",
    ]  # fmt: skip
    assert (receipt["provisional"], receipt["passthrough"], receipt["reason"]) == (False, False, "")
    assert receipt["encoder"].count("pyvips") >= 1
    assert receipt["milliseconds"] == {"decode": 10.0, "encode": 20.0}
    assert told("products/shoe/receipts")["results"] == [one]
    assert told(f"{shoe.id}/receipts")["results"] == [one]


def test_one_without_figures_yet_is_pending(shoe: Master) -> None:
    key = note(shoe, "w=320&fm=webp&q=80", scores=None, quality=80)
    assert not VariantQuality.objects.exists()
    receipt = told(f"products/shoe/variants/{key}/receipt")["receipt"]
    assert (receipt["state"], receipt["scores"], receipt["quality"]) == ("pending", None, 80)
    assert told("products/shoe/receipts")["results"][0]["receipt"] == receipt


def test_one_that_cannot_be_measured_says_why(shoe: Master) -> None:
    key = note(shoe, scores=None, unmeasured="Animations are not measured.")
    receipt = told(f"products/shoe/variants/{key}/receipt")["receipt"]
    assert (receipt["state"], receipt["scores"]) == ("unmeasurable", None)
    assert receipt["reason"] == "Animations are not measured."


@pytest.mark.parametrize(
    ("query", "widths"),
    [
        ("", ["24", "8", "100"]),
        ("?ordering=byteSize", ["8", "24", "100"]),
        ("?ordering=-width&limit=2", ["24", "8"]),
        ("?format=png", ["8"]),
        ("?format=webp&offset=1", ["100"]),
    ],
)
def test_pages_filters_and_orders_as_variants_do(shoe: Master, query: str, widths: list[str]) -> None:
    for width, kind in (("100", "webp"), ("8", "png"), ("24", "webp")):
        note(shoe, f"w={width}&snap=0&fm={kind}", size=int(width))
    note(saved(master("boot", key="boot")), size=5)
    page = told(f"products/shoe/receipts{query}")
    assert [row["params"].rpartition("w=")[2] for row in page["results"]] == widths
    assert all(row["receipt"]["state"] == "measured" for row in page["results"])


def test_a_page_takes_a_few_queries(shoe: Master, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    for width in range(1, 31):
        note(shoe, f"w={width}&snap=0")
    headers = {"Authorization": f"Bearer {apikeys.issue(name='tests', scopes=['read']).token}"}
    with django_assert_max_num_queries(9):
        assert len(Client().get("/api/v1/image/products/shoe/receipts", headers=headers).json()["results"]) == 30


def test_a_purge_takes_them_away(shoe: Master) -> None:
    key = note(shoe)
    purge_master(shoe)
    assert told("products/shoe/receipts")["count"] == 0
    assert ask(f"products/shoe/variants/{key}/receipt").json()["code"] == "variant_not_found"


def test_a_receipt_that_cannot_be_read_counts_as_none(shoe: Master) -> None:
    key = note(shoe)
    VariantQuality.objects.update(receipt={"state": "measured"})
    assert told(f"products/shoe/variants/{key}/receipt")["receipt"]["state"] == "pending"


@pytest.mark.parametrize("rest", ["receipts", "variants/{key}/receipt"])
def test_is_for_who_may_read_and_only_reading(shoe: Master, rest: str) -> None:
    address = f"products/shoe/{rest.format(key=note(shoe))}"
    assert Client().get(f"/api/v1/image/{address}").json()["code"] == "missing_key"
    stranger = Client().get(f"/api/v1/image/{address}", headers={"Authorization": "Bearer imgo_live_nobody"})
    assert (stranger.status_code, stranger.json()["code"]) == (401, "invalid_key")
    refused = ask(address, scopes=("upload", "manage", "sign"))
    assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")
    for method in ("POST", "PUT", "DELETE"):
        assert ask(address, method=method).status_code == 405
    assert ask(address.replace("shoe", "nobody")).json()["code"] == "not_found"
    assert ask(f"{address}?formats=png").status_code == (400 if rest == "receipts" else 200)


def test_a_variant_of_another_master_is_none_of_this_one(shoe: Master) -> None:
    key = note(saved(master("boot", key="boot")))
    for unknown in (key, "0" * 64, "nonsense", "%00"):
        answer = ask(f"products/shoe/variants/{unknown}/receipt")
        assert (answer.status_code, answer.json()["code"]) == (404, "variant_not_found"), unknown
    assert told(f"boot/variants/{key}/receipt")["key"] == key


def test_of_the_master_whose_bytes_it_is_made_of(shoe: Master) -> None:
    twin = Master.objects.create(blob=shoe.blob, key="twin", original_name="twin")
    key = note(shoe)
    assert told(f"{twin.key}/variants/{key}/receipt") == told(f"products/shoe/variants/{key}/receipt")


def test_says_when_the_variant_was_made(shoe: Master) -> None:
    key = note(shoe)
    made_at = datetime.fromisoformat(told(f"products/shoe/variants/{key}/receipt")["createdAt"])
    assert abs((datetime.now(UTC) - made_at).total_seconds()) < 10
    assert Variant.objects.get().created_at == made_at == VariantQuality.objects.get().created_at
