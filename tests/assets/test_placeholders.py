"""`GET /api/v1/image/{image}/placeholder`, made at the upload or on demand."""

from __future__ import annotations

import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from assets.models import Blob, Master
from assets.placeholders import placeholder_of
from tests import images
from tests.assets.caller import Caller, problem

pytestmark = pytest.mark.django_db

FIELDS = ("placeholder", "blurhash", "dominant_colour", "palette")
BLUE = f"#{bytes(images.BLUE).hex()}"


@pytest.fixture
def flag(caller: Caller) -> str:
    """The id of a picture of four colours, of which none is in the majority."""
    return str(caller.upload(images.encoded(images.quadrants(), "png"), "flag.png")["id"])


def forget() -> None:
    """This will make the blobs what they were before there were placeholders."""
    Blob.objects.update(placeholder="", blurhash="", dominant_colour="", palette=[])


def test_an_upload_has_its_placeholder_at_once(
    caller: Caller, flag: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(2):  # the key and the master: nothing is made or stored
        body = caller.get(f"/api/v1/image/{flag}/placeholder").json()
    assert set(body) == {"dataUri", "blurhash", "dominantColour", "palette", "width", "height"}
    assert body["dataUri"].startswith("data:image/webp;base64,")
    assert len(body["blurhash"]) == 28
    assert len(body["palette"]) == 4
    assert BLUE in body["palette"]
    assert body["dominantColour"] == body["palette"][0]
    assert (body["width"], body["height"]) == (64, 48)


def test_the_masters_own_object_has_it_too(caller: Caller, flag: str) -> None:
    made = caller.get(f"/api/v1/image/{flag}/placeholder").json()
    told = caller.get(f"/api/v1/image/{flag}").json()
    assert (told["placeholder"], told["blurhash"]) == (made["dataUri"], made["blurhash"])
    assert told["dominantColour"] == made["dominantColour"]


def test_an_older_blob_gets_the_same_on_demand_and_keeps_it(caller: Caller, flag: str) -> None:
    at_upload = caller.get(f"/api/v1/image/{flag}/placeholder").json()
    forget()
    assert caller.get(f"/api/v1/image/{flag}").json()["placeholder"] == ""
    assert caller.get(f"/api/v1/image/{flag}/placeholder").json() == at_upload
    assert caller.get(f"/api/v1/image/{flag}").json()["placeholder"] == at_upload["dataUri"]


def test_two_at_once_make_the_same(flag: str) -> None:
    forget()
    first, second = (Master.objects.get(id=flag).blob for _ in range(2))
    made = [[getattr(placeholder_of(blob), name) for name in FIELDS] for blob in (first, second)]
    assert made[0] == made[1]
    assert all(made[0])


def test_a_replaced_picture_has_the_placeholder_of_its_new_bytes(caller: Caller, flag: str) -> None:
    from tests.assets.caller import Part

    before = caller.get(f"/api/v1/image/{flag}/placeholder").json()
    assert caller.put(flag, Part(images.encoded(images.grey(), "png"))).status_code == 200
    after = caller.get(f"/api/v1/image/{flag}/placeholder").json()
    assert before["palette"] != after["palette"]


def test_a_lost_file_is_a_503_and_nothing_is_stored(caller: Caller, flag: str, settings: Settings) -> None:
    forget()
    blob = Blob.objects.get()
    from django.core.files.storage import storages

    storages["masters"].delete(blob.storage_name)
    status, code, _ = problem(caller.get(f"/api/v1/image/{flag}/placeholder"))
    assert (status, code) == (503, "storage_unavailable")
    blob.refresh_from_db()
    assert blob.placeholder == ""


def test_a_word_behind_a_key_is_not_taken_for_the_key(caller: Caller) -> None:
    caller.upload(key="shop/shoe")
    assert caller.get("/api/v1/image/shop/shoe/placeholder").json()["width"] == 48
    assert problem(caller.get("/api/v1/image/shop/none/placeholder"))[:2] == (404, "not_found")
