"""What was rendered is written down by the pulse, not by the request; the API lists it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from apikeys import service as apikeys
from assets.models import Master
from delivery import pulse, purge
from delivery.models import Purge, Variant
from delivery.publish import signed_path
from delivery.purge import PurgeReader, purge_master
from delivery.records import RECORDS, Records
from delivery.service import service
from metrics.models import VariantQuality
from tests.delivery.world import Answer, Renderer, asked, entry, master, saved

Ask = Callable[..., Answer]
pytestmark = pytest.mark.django_db


@pytest.fixture
def shoe(renderer: Renderer) -> Master:
    return saved(master(key="products/shoe"))


def note(into: Records, width: int, of: Master | None = None) -> None:
    into.note(asked(of, f"w={width}"), entry(f"{width}"), seconds=0.0123, passthrough=False)


def listed(query: str = "", reference: str = "products/shoe", status: int = 200) -> Any:
    headers = {"Authorization": f"Bearer {apikeys.issue(name='tests', scopes=['read']).token}"}
    answer = Client().get(f"/api/v1/image/{reference}/variants{query}", headers=headers)
    assert answer.status_code == status, answer.content
    return answer.json()


def test_a_render_is_written_by_the_pulse_and_not_by_the_request(
    ask: Ask, shoe: Master, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    ask(signed_path(shoe, {"w": "320", "fm": "webp"}))
    with django_assert_num_queries(0):
        ask(signed_path(shoe, {"w": "640", "fm": "webp"}))
    assert Variant.objects.count() == 0
    RECORDS.flush()
    answer = ask(signed_path(shoe, {"w": "640", "fm": "webp"}))
    row = Variant.objects.get(params="fm=webp&w=640")
    assert (row.digest, row.format, row.byte_size) == (shoe.blob.digest, "webp", len(answer.body))
    assert f'"{row.etag}"' == answer.headers["etag"]
    assert (row.width, row.height, row.passthrough) == (320, 213, False), "as the rendition says it"
    assert abs((datetime.now(UTC) - row.created_at).total_seconds()) < 10
    assert Variant.objects.count() == 2


def test_hits_of_any_tier_are_no_renders(ask: Ask, shoe: Master) -> None:
    url = signed_path(shoe, {"w": "320"})
    ask(url)
    service().memory.purge(shoe.blob.digest)
    assert ask(url).headers["x-cache"] == "storage"
    RECORDS.flush()
    assert Variant.objects.count() == 1


def test_a_variant_rendered_again_is_one_row(shoe: Master) -> None:
    for text in ("one", "another"):
        for _ in range(2):
            RECORDS.note(asked(shoe), entry(text), seconds=1, passthrough=True)
        RECORDS.flush()
    assert Variant.objects.get().etag == entry("another").etag.strip('"')


def test_many_are_written_in_few_queries(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    some = Records()
    for width in range(1, 301):
        some.note(asked(None, f"w={width}&snap=0"), entry(), seconds=0.1, passthrough=False)
    with django_assert_max_num_queries(11):  # SQLite takes 999 values a query: 12 of each variant, 17 of its receipt
        some.flush()
    with django_assert_max_num_queries(0):
        some.flush()
    assert Variant.objects.count() == 300


def test_while_the_database_is_away_the_newest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    some = Records(max_records=3)

    def away(*_: Any, **__: Any) -> Any:
        note(some, 1280)  # rendered meanwhile
        raise OperationalError("away")

    for width in (320, 640, 960):
        note(some, width)
    with monkeypatch.context() as patch:
        patch.setattr(Variant.objects, "bulk_create", away)
        with pytest.raises(OperationalError):
            some.flush()
    some.flush()
    assert {row.params.rpartition("w=")[2] for row in Variant.objects.all()} == {"640", "960", "1280"}


def test_an_orderly_end_writes_what_is_left(shoe: Master, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[int] = []
    monkeypatch.setattr("delivery.pulse.connection.close", lambda: closed.append(1))
    note(RECORDS, 320)
    pulse.write_down()
    assert (Variant.objects.count(), closed) == (1, [1])

    def away(*_: Any, **__: Any) -> Any:
        raise OperationalError("away")

    monkeypatch.setattr(Variant.objects, "bulk_create", away)
    note(RECORDS, 640)
    pulse.write_down()
    assert closed == [1, 1], "and the process ends all the same"


def test_a_beat_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "close_old_connections", lambda: None)
    note(RECORDS, 320)
    pulse.Pulse().beat()
    assert Variant.objects.count() == 1


def test_a_purge_takes_the_rows_written_and_waiting_of_its_bytes_only(shoe: Master) -> None:
    boot = saved(master("boot", key="boot"))
    for of in (shoe, boot):
        note(RECORDS, 320, of)
        RECORDS.flush()
        note(RECORDS, 640, of)
    purge_master(shoe)
    RECORDS.flush()
    for rows in (Variant.objects.all(), VariantQuality.objects.all()):
        assert list(rows.values_list("digest", flat=True)) == [boot.blob.digest] * 2
    note(RECORDS, 960, shoe)
    RECORDS.flush()
    assert Variant.objects.filter(digest=shoe.blob.digest).count() == 1


def test_what_was_rendered_here_before_another_process_purged_is_not_listed_after_it(shoe: Master) -> None:
    reader = PurgeReader()
    note(RECORDS, 320, shoe)
    RECORDS.flush()
    note(RECORDS, 640, shoe)
    row = Purge.objects.create(master_ids=[str(shoe.id)], digests=[shoe.blob.digest])
    Purge.objects.filter(id=row.id).update(created_at=datetime.now(UTC) + timedelta(milliseconds=1))
    note(RECORDS, 960, shoe)
    RECORDS._waiting[-1] = replace(RECORDS._waiting[-1], created_at=datetime.now(UTC) + timedelta(seconds=1))
    reader.apply()
    RECORDS.flush()
    assert [row.params.rpartition("w=")[2] for row in Variant.objects.all()] == ["960"]


def test_what_is_rendered_while_a_purge_arrives_is_not_listed(ask: Ask, shoe: Master, renderer: Renderer) -> None:
    renderer.before = lambda: purge.purge_master(shoe)
    ask(signed_path(shoe, {"w": "320"}))
    RECORDS.flush()
    assert Variant.objects.count() == 0


def test_lists_the_newest_first_a_page_at_a_time(shoe: Master) -> None:
    for width in (320, 640, 960):
        note(RECORDS, width, shoe)
    note(RECORDS, 320, master("boot"))
    RECORDS.flush()
    page = listed("?limit=2")
    assert (page["count"], len(page["results"])) == (3, 2)
    assert page["next"].startswith("http://127.0.0.1:8000/api/v1/image/products/shoe/variants?")
    first = page["results"][0]
    assert first.keys() == {
        "key", "params", "format", "width", "height", "byteSize", "etag", "passthrough", "renderMs", "createdAt",
    }  # fmt: skip
    assert first["params"].endswith("w=960")
    assert first["renderMs"] == 12.3
    assert first["createdAt"].endswith("Z")
    assert listed(reference=str(shoe.id))["count"] == 3


@pytest.mark.parametrize(
    ("query", "widths"),
    [
        ("?ordering=byteSize", ["8", "24", "100"]),
        ("?ordering=-byteSize", ["100", "24", "8"]),
        ("?ordering=createdAt", ["100", "8", "24"]),
        ("?ordering=-renderMs", ["24", "8", "100"]),
        ("?format=png", ["8"]),
        ("?format=gif", []),
        ("?format=webp&ordering=byteSize&offset=1", ["100"]),
    ],
)
def test_orders_and_filters(shoe: Master, query: str, widths: list[str]) -> None:
    for place, (width, kind) in enumerate((("100", "webp"), ("8", "png"), ("24", "webp"))):
        request = asked(shoe, f"w={width}&snap=0&fm={kind}")
        RECORDS.note(request, entry("x", kind, size=int(width)), seconds=place, passthrough=False)  # type: ignore[arg-type]
    RECORDS.flush()
    assert [row["params"].rpartition("w=")[2] for row in listed(query)["results"]] == widths


@pytest.mark.parametrize(
    "query", ["?ordering=key", "?ordering=-", "?format=tiff", "?format=%00", "?limit=0", "?limit=x", "?formats=png"]
)
def test_refuses_what_it_cannot_order_or_filter_by(shoe: Master, query: str) -> None:
    assert listed(query, status=400)["message"].startswith("Expected ")


def test_needs_a_key_and_a_master(shoe: Master) -> None:
    assert listed(reference="nobody", status=404)["code"] == "not_found"
    assert Client().get("/api/v1/image/products/shoe/variants").status_code == 401
    wrong = {"Authorization": f"Bearer {apikeys.issue(name='tests', scopes=['manage']).token}"}
    assert Client().get("/api/v1/image/products/shoe/variants", headers=wrong).status_code == 403
    right = {"Authorization": f"Bearer {apikeys.issue(name='tests', scopes=['read']).token}"}
    assert Client().post("/api/v1/image/products/shoe/variants", headers=right).status_code == 405
