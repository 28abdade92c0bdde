"""Masters of origins over REST, in the admin and through a signed URL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from pytest_django import Settings

from assets import masters
from assets.models import Master
from delivery import keyring
from tests.assets.caller import Caller, Part, photo, problem, stored_files
from tests.assets.origins.site import Site, redirect, silent, status
from tests.delivery.world import KEY, configure, signed
from tests.images import opened

pytestmark = pytest.mark.django_db

SHOE = "@shop/summer/red-shoe.jpg"


@pytest.fixture(autouse=True)
def _one_signing_key(settings: Settings) -> None:
    settings.IMGOPT_SIGNING_KEYS = ((KEY.kid, KEY.secret.hex()),)
    keyring.forget()


@pytest.fixture
def shop(site: Site) -> Site:
    site.shows("/media/summer/red-shoe.jpg", photo())
    return site


def test_a_read_fetches_and_tells_the_origin(shop: Site, caller: Caller) -> None:
    told = caller.get(f"/api/v1/image/{SHOE}").json()
    assert (told["origin"], told["key"], told["width"], told["originalName"]) == (SHOE, None, 48, "red-shoe")
    assert caller.get(f"/api/v1/image/{SHOE}/metadata").status_code == 200
    assert caller.get(f"/image/{told['id']}").body == photo()
    assert len(shop.asked) == 1


def test_it_has_focal_point_and_tags_and_is_not_replaced(shop: Site, caller: Caller) -> None:
    caller.get(f"/api/v1/image/{SHOE}")
    changed = caller.patch(SHOE, {"focalX": 0.2, "focalY": 0.4, "tags": ["summer"]}).json()
    assert (changed["focalX"], changed["tags"], changed["revision"]) == (0.2, ["summer"], 2)
    status, code, sentence = problem(caller.put(SHOE, Part(photo("png"))))
    assert (status, code) == (400, "bad_parameter")
    assert "'shop'" in sentence


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
def test_what_changes_nothing_known_asks_no_origin(shop: Site, caller: Caller, method: str) -> None:
    answers = {
        "PATCH": lambda: caller.patch(SHOE, {"tags": []}),
        "PUT": lambda: caller.put(SHOE, Part(photo())),
        "DELETE": lambda: caller.delete(SHOE),
    }
    assert problem(answers[method]())[:2] == (404, "not_found")
    assert shop.asked == []


def test_deleted_it_is_fetched_anew(shop: Site, caller: Caller) -> None:
    first = caller.get(f"/api/v1/image/{SHOE}").json()
    assert caller.delete(SHOE).status_code == 204
    again = caller.get(f"/api/v1/image/{SHOE}").json()
    assert again["id"] != first["id"]
    assert (first["revision"], again["revision"]) == (1, 2), "URLs with the former revision may be kept for a year"


def test_a_download_of_what_lies_in_a_folder_has_its_bytes_and_ranges(folder: Path, caller: Caller) -> None:
    (folder / "a.jpg").write_bytes(photo())
    assert caller.get("/image/@scans/a.jpg").body == photo()
    part = caller.get("/image/@scans/a.jpg", Range="bytes=2-9")
    assert (part.status_code, part.body) == (206, photo()[2:10])
    (folder / "a.jpg").write_bytes(photo("png"))
    answer = caller.get("/image/@scans/a.jpg")
    assert problem(answer)[:2] == (503, "origin_unavailable")
    assert int(answer["Retry-After"]) >= 1
    assert caller.get("/image/@scans/a.jpg").body == photo("png")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (status(404), (404, "origin_not_found")),
        (redirect("http://10.0.0.1/"), (403, "origin_refused")),
        (status(200, **{"Content-Length": "10000000000"}), (413, "origin_too_large")),
        (status(500), (503, "origin_unavailable")),
        (silent, (504, "origin_timeout")),
    ],
)
def test_a_bad_origin_has_its_status(site: Site, caller: Caller, answer: Any, expected: tuple[int, str]) -> None:
    configure(origins_timeout_seconds=0.2 if answer is silent else 5)
    site.answers["/media/a.jpg"] = answer
    told = caller.get("/api/v1/image/@shop/a.jpg")
    assert problem(told)[:2] == expected
    assert ("Retry-After" in told) == (expected[0] in (503, 504))
    assert Master.objects.count() == 0


def test_a_signed_url_delivers_it_and_an_unsigned_one_asks_no_origin(shop: Site, client: Client) -> None:
    assert client.get(f"/i/{SHOE}?w=32").status_code == 403
    assert client.get(f"/i/{SHOE}?w=32&s={KEY.kid}.{'0' * 43}").status_code == 403
    assert shop.asked == []
    answer = client.get(signed(f"/i/{SHOE}", "w=32", "fm=png"))
    assert (answer.status_code, answer["X-Cache"], answer["Content-Type"]) == (200, "render", "image/png")
    assert opened(answer.content).width == 32
    assert client.get(signed(f"/i/{SHOE}", "w=32", "fm=png"))["X-Cache"] == "memory"
    assert len(shop.asked) == 1


def test_a_variant_of_a_folders_picture_is_rendered_from_where_it_lies(folder: Path, client: Client) -> None:
    (folder / "a b.jpg").write_bytes(photo())
    answer = client.get(signed("/i/@scans/~YSBiLmpwZw", "w=32", "fm=png"))
    assert opened(answer.content).width == 32
    assert stored_files() == []


def test_a_new_picture_at_the_origin_is_delivered_after_the_check(
    shop: Site, client: Client, django_capture_on_commit_callbacks: Any
) -> None:
    target = signed(f"/i/{SHOE}", "w=32", "fm=png")
    before = client.get(target).content
    Master.objects.update(recheck_at="2026-01-01T00:00:00Z")
    shop.shows("/media/summer/red-shoe.jpg", photo("png", 2))
    with django_capture_on_commit_callbacks(execute=True):
        masters.get_master(SHOE)
    answer = client.get(target)
    assert (answer["X-Cache"], answer.content == before) == ("render", False)


def test_the_admin_shows_it_without_a_field_to_replace_it(shop: Site, caller: Caller, client: Client) -> None:
    master = masters.get_master(SHOE)
    client.force_login(get_user_model().objects.create_superuser("admin", password="admin"))
    assert b"shop" in client.get("/admin/assets/master/").content
    page = client.get(f"/admin/assets/master/{master.id}/change/").content.decode()
    assert "summer/red-shoe.jpg" in page
    assert 'type="file"' not in page
    form = {"key": "", "original_name": "shoe", "focal_x": "0.5", "focal_y": "0.5"}
    assert client.post(f"/admin/assets/master/{master.id}/change/", form).status_code == 302
    assert masters.known_master(SHOE).original_name == "shoe"
    assert len(shop.asked) == 1
