"""Batches over REST: begun, worked on, told item by item, cancelled."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from assets import children
from assets.masters import change_master, delete_master, known_master
from assets.models import Master
from delivery.entry import Entry
from delivery.markup import picture
from delivery.models import Variant
from delivery.records import RECORDS
from delivery.service import service as variants
from jobs import ledger
from jobs.models import Batch, Job
from pipeline.errors import RenderFailed
from pipeline.targets import ACCEPTED
from tests.assets.caller import FORM, Caller, Part, form, photo
from tests.jobs.batches.conftest import add, post, told, work_all

pytestmark = pytest.mark.django_db
BATCH = "/api/v1/batch"
SMALL = {"widths": [120, 320], "formats": ["webp", "jpg"]}


def begin(caller: Caller, **said: Any) -> dict[str, Any]:
    answer = post(caller, BATCH, {**SMALL, **said})
    assert answer.status_code == 201, answer.body
    assert answer["Location"] == f"{BATCH}/{told(answer)['id']}"
    return dict(told(answer))


def status(caller: Caller, batch: dict[str, Any]) -> dict[str, Any]:
    return dict(told(caller.get(f"{BATCH}/{batch['id']}")))


def items(caller: Caller, batch: dict[str, Any]) -> list[dict[str, Any]]:
    return list(told(caller.get(f"{BATCH}/{batch['id']}/items"))["results"])


def test_a_batch_is_begun_worked_on_and_told(caller: Caller) -> None:
    shoe, hat = add("shoes/red", seed=1), add("hats/red", seed=2)
    batch = begin(caller, images=["shoes/red", str(hat.id)], name="Summer")
    assert (batch["status"], batch["counts"]["waiting"], batch["name"]) == ("pending", 2, "Summer")
    assert work_all() == 2
    batch = status(caller, batch)
    assert (batch["status"], batch["progress"], batch["counts"]["done"]) == ("completed", 1.0, 2)
    assert batch["finishedAt"] is not None
    found = items(caller, batch)
    assert [item["reference"] for item in found] == ["shoes/red", "hats/red"]
    made = found[0]["variants"]
    assert [(one["format"], one["width"], one["height"]) for one in made] == [
        ("webp", 120, 86),
        ("webp", 320, 229),
        ("jpeg", 120, 86),
        ("jpeg", 320, 229),
    ]
    assert all(0.8 < one["ssim"] <= 1 and one["deltaE"] > 0 for one in made)
    assert all(one["savedBytes"] == shoe.blob.byte_size - one["byteSize"] for one in made)


def test_what_a_batch_made_is_what_its_urls_deliver(caller: Caller) -> None:
    """120 px is no rung of the ladder: its URL says so."""
    add("shoes/red")
    batch = begin(caller, images=["shoes/red"])
    work_all()
    variants.cache_clear()  # another process than the worker's
    for one in items(caller, batch)[0]["variants"]:
        answer = Client().get(one["url"].removeprefix("http://127.0.0.1:8000"))
        assert (answer.status_code, answer["X-Cache"]) == (200, "storage")
        assert len(answer.content) == one["byteSize"]
        assert answer["Content-Type"] == f"image/{one['format']}"
    RECORDS.flush()
    assert Variant.objects.count() == 4


def test_what_a_batch_tells_of_a_variant_is_what_its_delivery_tells(caller: Caller) -> None:
    add("shoes/red")
    batch = begin(caller, images=["shoes/red"], params={"q": "auto:eco"}, widths=[120], formats=["webp"])
    work_all()
    RECORDS.flush()
    variants.cache_clear()
    [one] = items(caller, batch)[0]["variants"]
    [listed] = told(caller.get("/api/v1/image/shoes/red/receipts"))["results"]
    assert one["receipt"] == listed["receipt"]
    assert one["receipt"]["target"]["asked"] == "auto:eco"
    assert (one["ssim"], one["quality"]) == (one["receipt"]["scores"]["ssim"], one["receipt"]["quality"])
    header = Client().get(one["url"].removeprefix("http://127.0.0.1:8000"))["Quality"]
    assert f"q={one['quality']}, target=ssim:0.95, met=?1" in header
    assert header.endswith(f"tries={one['receipt']['tries']}")


def test_without_widths_and_formats_it_makes_what_markup_names(caller: Caller) -> None:
    add("shoes/red", width=700)
    batch = begin(caller, images=["shoes/red"], widths=[], formats=[])
    work_all()
    markup = picture(known_master("shoes/red"), alt="A shoe", sizes="100vw").replace("&amp;", "&")
    urls = {one["url"] for one in items(caller, batch)[0]["variants"]}
    assert urls == set(re.findall(r'http[^ "]+', markup))
    assert len(urls) == 12


@pytest.mark.parametrize(
    ("said", "keys"),
    [
        ({"prefix": "shoes/"}, {"shoes/red", "shoes/blue"}),
        ({"tag": "summer"}, {"hats/red"}),
        ({"all": True}, {"shoes/red", "shoes/blue", "hats/red"}),
    ],
)
def test_masters_are_chosen_by_prefix_tag_or_all(caller: Caller, said: dict[str, Any], keys: set[str]) -> None:
    for seed, key in enumerate(("shoes/red", "shoes/blue", "hats/red")):
        add(key, width=64, height=48, seed=seed)
    change_master(known_master("hats/red"), {"tags": ["summer"]})
    batch = begin(caller, **said)
    assert {item["reference"] for item in items(caller, batch)} == keys


def test_files_that_come_along_become_masters(caller: Caller) -> None:
    said = json.dumps({"name": "New", "formats": ["webp"], "widths": [32]})
    body = form(
        Part(photo(seed=1), "a.jpg"),
        Part(photo(seed=2), "b.jpg"),
        Part(said.encode(), None, "batch"),
        Part(b"new/a", None, "key"),
        Part(b"", None, "key"),
    )
    answer = caller.ask("POST", BATCH, body, FORM)
    assert answer.status_code == 201, answer.body
    work_all()
    found = items(caller, told(answer))
    assert [item["status"] for item in found] == ["completed", "completed"]
    assert found[0]["reference"] == "new/a"
    assert [one["format"] for item in found for one in item["variants"]] == ["webp", "webp"]


@pytest.mark.parametrize(
    ("parts", "status_code", "sentence"),
    [
        ([Part(b"no picture", "a.jpg")], 415, None),
        ([Part(photo(), "a.jpg"), Part(b"{", None, "batch")], 400, "Expected JSON in the field batch."),
        ([Part(photo(), "a.jpg"), Part(b'{"all": true}', None, "batch")], 400, None),
        ([Part(photo(), "a.jpg"), Part(b'{"formats": "bmp"}', None, "batch")], 400, None),
        ([Part(photo(), "a.jpg"), Part(b"a", None, "key"), Part(b"b", None, "key")], 400, None),
        ([Part(b'{"all": true}', None, "batch")], 400, "no images provided"),
    ],
)
def test_a_form_that_is_refused_leaves_nothing(
    caller: Caller, parts: list[Part], status_code: int, sentence: str | None
) -> None:
    answer = caller.ask("POST", BATCH, form(*parts), FORM)
    assert answer.status_code == status_code
    assert sentence is None or told(answer)["error"] == sentence
    assert (Master.objects.count(), Batch.objects.count(), Job.objects.count()) == (0, 0, 0)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({}, "Expected one of images, prefix, tag, all, received none of them."),
        ({"all": True, "tag": "summer"}, "Expected one of images, prefix, tag, all, received tag and all."),
        ({"tag": "nobody"}, "Expected at least one image in a batch, found none."),
        ({"images": "shoe"}, "Expected a list of ids or keys for images."),
        ({"all": 1}, "Expected true for all."),
        ({"all": True, "widths": [0]}, "Expected widths from 1 to 8192 pixels, received '0'."),
        ({"all": True, "widths": [True]}, "Expected widths from 1 to 8192 pixels, received nothing."),
        ({"all": True, "widths": 7}, "Expected at most 40 widths such as 480,800, received '7'."),
        ({"all": True, "widths": [100], "params": {"w": 200}},
         "Expected the widths of a batch once: as widths, or as w among the params."),
        ({"all": True, "formats": ["bmp"]}, "Expected formats out of avif, webp, jpg, png, gif, received '['bmp']'."),
        ({"all": True, "params": {"fm": "webp"}},
         "Expected no fm among the parameters of markup: formats says which there are."),
        ({"all": True, "params": {"q": 900}}, f"Expected {ACCEPTED} for q, received '900'."),
        ({"all": True, "preset": "nope"}, "Expected the name of a preset for preset, received 'nope'."),
        ({"all": True, "colour": "red"}, None),
        ({"all": True, "name": "x" * 300}, None),
        ({"all": True, "name": 7}, None),
        ([1], None),
        ("text", None),
    ],
)  # fmt: skip
def test_bad_wishes_are_refused_with_a_sentence(caller: Caller, said: Any, sentence: str | None) -> None:
    add("shoes/red", width=48, height=48)
    answer = post(caller, BATCH, said)
    assert answer.status_code == 400
    assert sentence is None or told(answer)["message"] == sentence
    assert (Batch.objects.count(), Job.objects.count()) == (0, 0)


def test_unknown_masters_and_batches_are_404(caller: Caller) -> None:
    assert post(caller, BATCH, {"images": ["nobody"]}).status_code == 404
    for path in ("", "/items", "/manifest.json", "/manifest.csv"):
        answer = caller.get(f"{BATCH}/01a2037e-5c1e-7a04-9d0b-3f6b5f0f2c11{path}")
        assert (answer.status_code, told(answer)["error"]) == (404, "Batch not found")
    assert caller.get(f"{BATCH}/not-an-id").status_code == 404


def test_one_master_that_is_gone_fails_alone(caller: Caller) -> None:
    shoe = add("shoes/red")
    add("hats/red", seed=2)
    batch = begin(caller, all=True)
    delete_master(shoe)
    work_all()
    assert status(caller, batch)["counts"] == {
        "total": 2, "waiting": 0, "running": 0, "done": 1, "failed": 1, "cancelled": 0,
    }  # fmt: skip
    assert status(caller, batch)["status"] == "completed"
    gone = next(item for item in items(caller, batch) if item["status"] == "failed")
    assert (gone["error"], gone["variants"]) == ("Image not found", [])


def test_one_variant_that_cannot_be_made_fails_alone(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    add("shoes/red")
    batch = begin(caller, images=["shoes/red"])
    pool = children.render_pool()
    render_many = pool.render_many

    def failing(*args: Any, **options: Any) -> Any:
        return [RenderFailed("It is too large."), *render_many(*args, **options)[1:]]

    monkeypatch.setattr(pool, "render_many", failing)
    work_all()
    assert status(caller, batch)["status"] == "completed"
    made = items(caller, batch)[0]["variants"]
    assert [one["error"] for one in made] == ["It is too large.", None, None, None]
    assert made[0]["byteSize"] is None


def test_what_was_deleted_while_it_rendered_is_not_kept(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    shoe = add("shoes/red")
    batch = begin(caller, images=["shoes/red"])
    kept: list[Entry] = []
    pool = children.render_pool()
    render_many = pool.render_many

    def deleting(*args: Any, **options: Any) -> Any:
        made = render_many(*args, **options)
        delete_master(shoe)
        return made

    monkeypatch.setattr(pool, "render_many", deleting)
    monkeypatch.setattr(variants().lasting[-1], "put", lambda _key, entry: kept.append(entry))
    work_all()
    assert kept == []
    assert status(caller, batch)["counts"]["total"] == 1


def test_a_batch_is_cancelled_and_what_was_made_stays(caller: Caller) -> None:
    for seed in range(3):
        add(f"shoes/{seed}", seed=seed, width=64, height=48)
    batch = begin(caller, all=True)
    job = ledger.claim(["renders"], worker="test:1", lease_seconds=30)
    assert job is not None
    ledger.finish(job, result={"reference": "shoes/0", "masterBytes": 1, "variants": []})
    answer = caller.ask("POST", f"{BATCH}/{batch['id']}/cancel")
    assert (answer.status_code, told(answer)["status"]) == (200, "completed")
    assert told(answer)["counts"]["cancelled"] == 2
    assert work_all() == 0


def test_the_manifest_is_the_same_as_json_and_csv(caller: Caller) -> None:
    add("shoes/red")
    add("hats/red", seed=2)
    gone = add("gone", seed=3)
    batch = begin(caller, all=True)
    delete_master(gone)
    work_all()
    whole = caller.get(f"{BATCH}/{batch['id']}/manifest.json")
    assert whole["Content-Disposition"] == f'attachment; filename="batch-{batch["id"]}.json"'
    document = told(whole)
    assert len(document["items"]) == 3
    table = caller.get(f"{BATCH}/{batch['id']}/manifest.csv")
    assert table["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(table.body.decode())))
    assert len(rows) == 4 + 4 + 1
    for row, one in zip(rows[:4], document["items"][0]["variants"], strict=True):
        assert "receipt" not in row
        assert one["receipt"]["scores"]["ssim"] == one["ssim"]
        assert (row["url"], int(row["byteSize"]), float(row["ssim"])) == (one["url"], one["byteSize"], one["ssim"])
    [failed] = [row for row in rows if row["status"] == "failed"]
    assert (failed["error"], failed["format"], failed["url"]) == ("Image not found", "", "")


def test_no_cell_of_the_csv_is_a_formula(caller: Caller) -> None:
    add("-2")
    batch = begin(caller, all=True, widths=[32], formats=["webp"])
    work_all()
    [row] = csv.DictReader(io.StringIO(caller.get(f"{BATCH}/{batch['id']}/manifest.csv").body.decode()))
    assert row["reference"] == "'-2"


def test_batches_are_listed_the_newest_first(caller: Caller) -> None:
    add("shoes/red", width=48, height=48)
    names = [begin(caller, all=True, name=name)["name"] for name in ("first", "second", "third")]
    page = told(caller.get("/api/v1/batches?limit=2"))
    assert ([one["name"] for one in page["results"]], page["count"]) == (names[:0:-1], 3)


@pytest.mark.parametrize(
    ("method", "path", "scopes"),
    [
        ("POST", BATCH, ("read", "upload")),
        ("GET", "/api/v1/batches", ("manage",)),
        ("GET", f"{BATCH}/x", ("manage",)),
        ("GET", f"{BATCH}/x/items", ("manage",)),
        ("GET", f"{BATCH}/x/manifest.csv", ("manage",)),
        ("POST", f"{BATCH}/x/cancel", ("read",)),
    ],
)
def test_strangers_and_wrong_scopes_are_turned_away(method: str, path: str, scopes: tuple[str, ...]) -> None:
    assert Caller().ask(method, path).status_code == 401
    assert Caller.with_scopes(*scopes).ask(method, path).status_code == 403


def test_files_need_the_scope_of_uploads_too(db: None) -> None:
    answer = Caller.with_scopes("manage").ask("POST", BATCH, form(Part(photo(), "a.jpg")), FORM)
    assert (answer.status_code, Master.objects.count()) == (403, 0)


def test_uploads_are_warmed_where_the_settings_say_so(caller: Caller, settings: Any) -> None:
    add("cold", width=64, height=48)
    assert Job.objects.count() == 0
    settings.CONFIG = replace(settings.CONFIG, jobs_warm_uploads=True)
    add("warm", width=400, height=300, seed=2)
    assert work_all() == 1
    job = Job.objects.get()
    assert (job.state, len(job.result["variants"])) == ("done", 6)


def test_what_a_job_has_made_is_no_upload_to_be_warmed(caller: Caller, settings: Any) -> None:
    settings.CONFIG = replace(settings.CONFIG, jobs_warm_uploads=True)
    shoe = add("shoes/red", width=64, height=48)
    post(caller, "/api/v1/job", {"originalID": str(shoe.id), "options": [{"format": "webp", "quality": 50}]})
    work_all()
    assert (Master.objects.count(), Job.objects.filter(kind="ladder").count()) == (2, 1)
