"""One master over REST: read, change, replace, delete."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import TestCase

from assets import masters
from assets.blobs import blob_source
from assets.errors import MasterNotFound, StorageUnavailable
from assets.models import Blob, Master
from assets.signals import master_changed
from assets.uploads import upload_from_bytes
from pipeline.errors import BadParameter
from tests.assets.caller import FORM, Caller, Part, files_under, form, photo, problem, stored_files
from tests.images import encoded, scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def image(caller: Caller) -> dict[str, Any]:
    return caller.upload(key="shop/shoe/red")


@pytest.fixture
def news() -> Iterator[list[tuple[str, list[str]]]]:
    """What `master_changed` told, as ids and digests."""
    told: list[tuple[str, list[str]]] = []

    def listen(master_id: Any, digests: list[str], **_: Any) -> None:
        told.append((str(master_id), digests))

    master_changed.connect(listen)
    yield told
    master_changed.disconnect(listen)


def revision(image: dict[str, Any]) -> int:
    return Master.objects.get(id=image["id"]).revision


def test_is_found_by_its_id_in_any_writing_and_by_its_key(caller: Caller, image: dict[str, Any]) -> None:
    for reference in (image["id"], image["id"].upper(), image["id"].replace("-", ""), "shop/shoe/red"):
        full = caller.get(f"/api/v1/image/{reference}").json()
        assert (full["id"], full["key"], full["revision"]) == (image["id"], "shop/shoe/red", 1)
        assert caller.get(f"/api/v1/image/{reference}/metadata").json() == image
        assert caller.get(f"/image/{reference}").body == photo()


@pytest.mark.parametrize(
    "changes",
    [
        {"originalName": "Rotes Kleid – Größe 38"},
        {"key": "shop/kleid"},
        {"key": None},
        {"tags": ["summer", "sale"]},
        {"tags": []},
        {"focalX": 0.25, "focalY": 1},
        {"focalX": 0, "focalY": 0.5, "key": "a", "tags": ["b"], "originalName": "c"},
        {},
    ],
)
def test_changes_what_is_given_and_nothing_else(caller: Caller, image: dict[str, Any], changes: dict[str, Any]) -> None:
    path = f"/api/v1/image/{image['id']}"
    before = caller.get(path).json()
    answer = caller.patch("shop/shoe/red", changes)
    after = answer.json()
    assert answer.status_code == 200, answer.content
    assert after == caller.get(path).json()
    assert after["updatedAt"] > before["updatedAt"]
    told = {"updatedAt": 0, "revision": 0}
    assert after | told == before | changes | told


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"key": "a.b"}, "for key, received 'a.b'"),
        ({"key": "01890a5d-ac96-774b-bcce-b302099a8057"}, "taken for an id"),
        ({"key": "shop/metadata"}, "reserved word"),
        ({"key": ""}, "key: "),
        ({"key": "x" * 201}, "key: "),
        ({"key": 1.5}, "for key"),
        ({"key": ["a"]}, "key: "),
        ({"focalX": 0.5}, "both focalX and focalY"),
        ({"focalX": 0.5, "focalY": None}, "both focalX and focalY"),
        ({"focalX": 1.01, "focalY": 0.5}, "focalX: "),
        ({"focalX": -0.01, "focalY": 0.5}, "focalX: "),
        ({"focalX": "left", "focalY": 0.5}, "focalX: "),
        ({"focalX": "nan", "focalY": 0.5}, "valid number"),
        ({"focalX": 0.5, "focalY": "NaN"}, "valid number"),
        ({"focalX": "inf", "focalY": 0.5}, "focalX: "),
        ({"originalName": ""}, "originalName: "),
        ({"originalName": "x" * 129}, "originalName: "),
        ({"originalName": "a\r\nSet-Cookie: b=c"}, "for originalName"),
        ({"originalName": "../../etc/passwd"}, "for originalName"),
        ({"originalName": "a\x00b"}, "originalName: "),
        ({"originalName": "\ud800"}, "originalName: "),
        ({"tags": "summer"}, "tags: "),
        ({"tags": ["Not a tag"]}, "tags: "),
        ({"tags": ["x" * 51]}, "tags: "),
        ({"tags": [f"t{number}" for number in range(51)]}, "tags: "),
        ({"tags": [None]}, "tags: "),
        ({"revision": 7}, "Expected some of originalName, key, focalX, focalY, tags, received 'revision'."),
        ({"id": "x", "key": "fine"}, "received 'id'"),
        ([], "Expected a dictionary"),
        (None, "No data provided"),
        ("text", "Expected a dictionary"),
    ],
)
def test_refuses_what_cannot_be_and_changes_nothing(
    caller: Caller, image: dict[str, Any], changes: Any, words: str
) -> None:
    before = caller.get(f"/api/v1/image/{image['id']}").json()
    status, code, sentence = problem(caller.patch(image["id"], changes))
    assert status == 400
    assert code in ("bad_parameter", "bad_request")
    assert words in sentence
    assert caller.get(f"/api/v1/image/{image['id']}").json() == before


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"focalX": NaN, "focalY": 0.5}', "application/json", 400),
        (b'{"focalX": 1' + b"0" * 5000 + b"}", "application/json", 400),
        (b"[" * 200_000, "application/json", 400),
        (b'{"a":' * 50_000, "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b'{"originalName": "' + b"x" * 3_000_000 + b'"}', "application/json", 413),
        (b"key=a", "application/x-www-form-urlencoded", 415),
        (form(Part(b"a", None, "key")), FORM, 415),
        (b"key", "text/plain", 415),
    ],
)
def test_hostile_documents_are_told_in_a_sentence(
    caller: Caller, image: dict[str, Any], body: bytes, content_type: str, status: int
) -> None:
    answer = caller.ask("PATCH", f"/api/v1/image/{image['id']}", body, content_type)
    assert problem(answer)[0] == status
    assert len(problem(answer)[2]) < 300


def test_a_key_is_one_masters_only(caller: Caller, image: dict[str, Any]) -> None:
    other = caller.upload(key="shop/hat")
    assert problem(caller.patch(other["id"], {"key": "shop/shoe/red"})) == (
        409, "key_taken", "Another master has the key 'shop/shoe/red'."
    )  # fmt: skip
    assert caller.patch(other["id"], {"key": "shop/hat"}).status_code == 200
    caller.patch(image["id"], {"key": None})
    assert caller.patch(other["id"], {"key": "shop/shoe/red"}).status_code == 200


def test_only_the_picture_and_its_focal_point_raise_the_revision(caller: Caller, image: dict[str, Any]) -> None:
    for changes in ({"originalName": "a"}, {"key": "b"}, {"tags": ["c"]}, {"focalX": None, "focalY": None}, {}):
        caller.patch(image["id"], changes)
        assert revision(image) == 1
    caller.patch(image["id"], {"focalX": 0.5, "focalY": 0.5})
    assert revision(image) == 2
    caller.patch(image["id"], {"focalX": 0.5, "focalY": 0.5, "tags": []})
    assert revision(image) == 2
    caller.patch(image["id"], {"focalX": 0.6})
    assert revision(image) == 3
    caller.patch(image["id"], {"focalX": None, "focalY": None})
    assert revision(image) == 4
    caller.put(image["id"], Part(photo("png")))
    assert revision(image) == 5


def test_a_replacement_keeps_id_key_tags_and_focal_point(caller: Caller, image: dict[str, Any]) -> None:
    caller.patch(image["id"], {"tags": ["sale"], "focalX": 0.2, "focalY": 0.8})
    before = caller.get(f"/api/v1/image/{image['id']}").json()
    with TestCase.captureOnCommitCallbacks(execute=True):
        answer = caller.put("shop/shoe/red", Part(encoded(scene(90, 60), "png"), "new shoe.png"))
    after = answer.json()
    assert answer.status_code == 200
    assert {name for name in after if after[name] != before[name]} == {
        "originalName", "format", "width", "height", "byteSize", "digest", "revision", "updatedAt",
        "placeholder", "blurhash", "dominantColour",
    }  # fmt: skip
    assert (after["originalName"], after["format"], after["width"], after["height"]) == ("new_shoe", "png", 90, 60)
    assert (Blob.objects.count(), len(stored_files())) == (1, 1), "the old bytes are gone"


def test_a_replacement_by_the_same_bytes_keeps_the_file(caller: Caller, image: dict[str, Any]) -> None:
    [file] = stored_files()
    with TestCase.captureOnCommitCallbacks(execute=True):
        assert caller.put(image["id"], Part(photo())).json()["revision"] == 2
    assert stored_files() == [file]


def test_a_replacement_leaves_bytes_that_another_master_has(caller: Caller, image: dict[str, Any]) -> None:
    other = caller.upload()
    with TestCase.captureOnCommitCallbacks(execute=True):
        caller.put(image["id"], Part(photo("png")))
    assert caller.get(f"/image/{other['id']}").body == photo()
    assert len(stored_files()) == 2


@pytest.mark.parametrize(
    ("parts", "status", "words"),
    [
        ([], 400, "no images provided"),
        ([Part(photo("png")), Part(photo("gif"))], 400, "Expected one file, received 2."),
        ([Part(b"hello")], 415, "received b'hello'"),
        ([Part(photo()[:500])], 422, ""),
    ],
)
def test_a_replacement_that_cannot_be_changes_nothing(
    caller: Caller, image: dict[str, Any], parts: list[Part], status: int, words: str
) -> None:
    found = problem(caller.put(image["id"], *parts))
    assert found[0] == status
    assert words in found[2]
    assert revision(image) == 1
    assert caller.get(f"/image/{image['id']}").body == photo()
    assert len(stored_files()) == 1


def test_a_replacement_must_be_a_whole_form(caller: Caller, image: dict[str, Any], temporary: Any) -> None:
    body = form(Part(photo("png")))[:-30]
    for content, kind in ((body, FORM), (b"{}", "application/json"), (b"", FORM), (photo(), "image/jpeg")):
        answer = caller.ask("PUT", f"/api/v1/image/{image['id']}", content, kind)
        assert problem(answer) == (400, "bad_request", "invalid multipart form")
    assert files_under(temporary) == []


def test_a_deleted_master_is_gone_everywhere(caller: Caller, image: dict[str, Any]) -> None:
    with TestCase.captureOnCommitCallbacks(execute=True):
        answer = caller.delete("shop/shoe/red")
    assert (answer.status_code, answer.content) == (204, b"")
    assert problem(caller.delete(image["id"])) == (404, "not_found", "Image not found")
    assert stored_files() == []


def test_news_are_sent_after_the_commit_with_what_is_stale(
    caller: Caller, image: dict[str, Any], news: list[tuple[str, list[str]]]
) -> None:
    old = Blob.objects.get().digest
    for change, stale in (
        (lambda: caller.patch(image["id"], {"key": "b"}), []),
        (lambda: caller.patch(image["id"], {"focalX": 0.1, "focalY": 0.1}), [old]),
        (lambda: caller.put(image["id"], Part(photo("png"))), [old]),
        (lambda: caller.delete(image["id"]), ["new"]),
    ):
        news.clear()
        new = Blob.objects.get().digest
        with TestCase.captureOnCommitCallbacks(execute=True):
            change()
            assert news == []
        assert news == [(image["id"], [new if digest == "new" else digest for digest in stale])]
    news.clear()
    with TestCase.captureOnCommitCallbacks(execute=True):
        caller.patch(image["id"], {"key": "c"})
    assert news == []


def test_a_master_deleted_by_somebody_else_meanwhile_is_not_found(caller: Caller, image: dict[str, Any]) -> None:
    master = Master.objects.get(id=image["id"])
    with upload_from_bytes(photo("png"), "a.png") as upload:
        incoming = masters.inspect_upload(upload)
        with TestCase.captureOnCommitCallbacks(execute=True):
            masters.delete_master(Master.objects.get(id=image["id"]))
        for late in (
            lambda: masters.change_master(master, {"key": "b", "tags": ["c"]}),
            lambda: masters.replace_master(master, incoming),
            lambda: masters.delete_master(master),
        ):
            with pytest.raises(MasterNotFound):
                late()
    assert stored_files() == []


def test_deleting_releases_the_bytes_that_the_master_has_now(caller: Caller, image: dict[str, Any]) -> None:
    """Not those it had when the deleting request looked it up."""
    stale = masters.get_master(image["id"])
    with TestCase.captureOnCommitCallbacks(execute=True):
        caller.put(image["id"], Part(photo("png")))
        masters.delete_master(stale)
    assert (Blob.objects.count(), stored_files()) == (0, [])


def test_a_blob_gives_its_path(caller: Caller, image: dict[str, Any]) -> None:
    assert blob_source(Blob.objects.get()) == str(stored_files()[0])
    stored_files()[0].unlink()
    with pytest.raises(StorageUnavailable):
        blob_source(Blob.objects.get())


@pytest.mark.parametrize("value", [math.nan, math.inf, -0.1, 1.1])
def test_whoever_calls_no_focal_point_lies_outside(caller: Caller, image: dict[str, Any], value: float) -> None:
    with pytest.raises(BadParameter, match="0 to 1 for the focal point"):
        masters.change_master(Master.objects.get(), {"focal_x": value, "focal_y": 0.5})


def test_a_key_used_again_goes_on_above_the_revisions_it_had(caller: Caller, image: dict[str, Any]) -> None:
    """Signed URLs with those revisions lie in browsers, which were told that they never change."""
    caller.put(image["id"], Part(photo("png")))
    assert revision(image) == 2
    caller.delete(image["id"])
    again = caller.upload(key="shop/shoe/red")
    assert revision(again) == 3
    assert revision(caller.upload(key="shop/shoe/blue")) == 1


def test_a_key_that_goes_to_another_master_goes_on_too_and_back_again(caller: Caller, image: dict[str, Any]) -> None:
    other = caller.upload()
    caller.patch(image["id"], {"key": None})
    assert revision(image) == 1, "its id says the same picture as before"
    caller.patch(other["id"], {"key": "shop/shoe/red"})
    assert revision(other) == 2
    caller.patch(other["id"], {"key": "shop/shoe/red", "tags": ["a"]})
    assert revision(other) == 2, "nothing was renamed"
    caller.patch(other["id"], {"key": "shop/shoe/blue"})
    assert revision(other) == 2
    caller.patch(image["id"], {"key": "shop/shoe/red", "focalX": 0.1, "focalY": 0.2})
    assert revision(image) == 3
