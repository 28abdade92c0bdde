"""Purging by key prefix and by tag: thousands of masters in a few queries."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models import QuerySet
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from apikeys import service as apikeys
from assets.models import Blob, Master, Tag
from delivery import purge
from delivery.hits import HITS
from delivery.models import Purge
from delivery.publish import signed_path
from delivery.purge import PurgeReader, masters_tagged, masters_under, purge_masters
from delivery.service import service
from pipeline.errors import BadParameter
from tests.delivery.world import Answer, Renderer, master, saved

Ask = Callable[..., Answer]
pytestmark = pytest.mark.django_db
NAMES = ("products/shoe", "products/boot", "product", "Products/hat", "products_old/x", "summer")


@pytest.fixture
def shelf(renderer: Renderer) -> dict[str, Master]:
    """Masters by key; two are tagged `summer`."""
    made = {name: saved(master(name, key=name)) for name in NAMES}
    tag = Tag.objects.create(name="summer")
    for name in ("summer", "products/boot"):
        made[name].tags.add(tag)
    return made


def many(count: int) -> QuerySet[Master]:
    blobs = Blob.objects.bulk_create(master(f"many{number}").blob for number in range(count))
    Master.objects.bulk_create(
        Master(blob=blob, key=f"many/{number}", original_name="x") for number, blob in enumerate(blobs)
    )
    return masters_under("many/")


def post(document: Any, *scopes: str) -> Any:
    token = apikeys.issue(name="tests", scopes=scopes or ["manage"]).token
    return Client().generic(
        "POST", "/api/v1/purge", json.dumps(document), "application/json", headers={"Authorization": f"Bearer {token}"}
    )


@pytest.mark.parametrize(
    ("document", "purged"),
    [
        ({"prefix": "products/"}, {"products/shoe", "products/boot"}),
        ({"prefix": "product"}, {"products/shoe", "products/boot", "product", "products_old/x"}),
        ({"prefix": "products/shoe"}, {"products/shoe"}),
        ({"prefix": "nothing/"}, set()),
        ({"tag": "summer"}, {"summer", "products/boot"}),
        ({"tag": "winter"}, set()),
    ],
)
def test_purges_these_and_no_others(
    ask: Ask, shelf: dict[str, Master], document: dict[str, str], purged: set[str]
) -> None:
    urls = {name: signed_path(shoe, {"w": "320"}) for name, shoe in shelf.items()}
    for url in urls.values():
        ask(url)
    answer = post(document)
    assert (answer.status_code, answer.json()) == (200, {"masters": len(purged)})
    assert {name for name, url in urls.items() if ask(url).headers["x-cache"] == "render"} == purged


REFUSED: dict[str, Any] = {
    "nothing": {},
    "both": {"prefix": "a", "tag": "b"},
    "an unknown word": {"prefixes": "a"},
    "one word too many": {"prefix": "a", "everything": True},
    "an empty prefix": {"prefix": ""},
    "an empty tag": {"tag": ""},
    "no text": {"prefix": ["a"]},
    "a wildcard": {"prefix": "products/%"},
    "a slash alone": {"prefix": "/"},
    "a dot": {"prefix": "products/shoe.jpg"},
    "an origin that cannot be": {"prefix": "@"},
    "a null": {"prefix": "a\0"},
    "half a character": {"prefix": "@shop/\ud800"},
    "a long prefix": {"prefix": "a" * 1000},
    "a tag that cannot be": {"tag": "Summer sale"},
    "a list": [],
    "a text": "products/",
    "null": None,
}


@pytest.mark.parametrize("document", REFUSED.values(), ids=list(REFUSED))
def test_refuses_and_purges_nothing(shelf: dict[str, Master], document: Any) -> None:
    answer = post(document)
    assert answer.status_code == 400, answer.content
    assert answer.json()["code"] in ("bad_parameter", "bad_request")
    assert not Purge.objects.exists()


def test_needs_the_scope_manage(shelf: dict[str, Master]) -> None:
    assert Client().post("/api/v1/purge", {"tag": "summer"}, "application/json").status_code == 401
    assert post({"tag": "summer"}, "read", "sign", "upload").status_code == 403
    assert not Purge.objects.exists()


def test_finds_what_lies_under_a_path_of_an_origin(shelf: dict[str, Master]) -> None:
    assert not masters_under("@shop/").exists()
    assert not masters_under("@shop").exists()
    with pytest.raises(BadParameter):
        masters_under("@Shop/")
    with pytest.raises(BadParameter):
        masters_tagged("é")


@pytest.mark.parametrize("count", [3, 25])
def test_thousands_of_masters_take_a_few_queries(
    renderer: Renderer, count: int, django_assert_max_num_queries: DjangoAssertNumQueries, monkeypatch: Any
) -> None:
    """For every batch: throw old news away, look for jobs, forget rows, receipts and curves, tell the others."""
    monkeypatch.setattr(purge, "BATCH", 10)
    calls: list[int] = []
    monkeypatch.setattr(service(), "purge", lambda *digests: calls.append(len(digests)))
    masters = many(count)
    batches = -(-count // purge.BATCH)
    with django_assert_max_num_queries(1 + 6 * batches):
        assert purge_masters(masters) == count
    assert len(calls) == Purge.objects.count() == batches
    assert sum(calls) == count


def test_another_process_reads_each_batch_once(
    ask: Ask, renderer: Renderer, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    reader = PurgeReader()
    masters = many(25)
    shown = list(masters[:3])
    for one in shown:
        ask(signed_path(one, {"w": "320"}))
    purge._published_here.clear()
    for start in range(0, 25, 10):
        batch = masters.order_by("id")[start : start + 10]
        Purge.objects.create(master_ids=[str(one.id) for one in batch], digests=[one.blob.digest for one in batch])
    with django_assert_max_num_queries(1 + 5 * 3):
        reader.apply()
    assert not HITS._hits
    assert service().memory.byte_size == 0
    with django_assert_max_num_queries(1):
        reader.apply()


def test_the_command_purges_too(shelf: dict[str, Master]) -> None:
    def run(*words: str) -> str:
        out = StringIO()
        call_command("purge", *words, stdout=out)
        return out.getvalue()

    assert run("--prefix", "products/") == "2 masters purged.\n"
    assert run("--tag", "summer") == "2 masters purged.\n"
    assert run("summer") == "summer purged.\n"
    for words in ([], ["summer", "--tag", "summer"], ["--prefix", "a", "--tag", "b"], ["--prefix", "%"]):
        with pytest.raises(CommandError, match="Expected"):
            run(*words)
