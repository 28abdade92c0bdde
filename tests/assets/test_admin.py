"""Masters in the admin."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, TestCase
from pytest_django import Settings

from assets import masters
from assets.disk import AtomicFileSystemStorage
from assets.errors import KeyTaken
from assets.models import Blob, Master, Tag
from delivery import keyring
from tests.assets.caller import Caller, files_under, is_nothing_left, photo, stored_files
from tests.images import encoded, opened, scene

pytestmark = pytest.mark.django_db

LIST = "/admin/assets/master/"
ADD = "/admin/assets/master/add/"
FIELDS = {"key": "", "focal_x": "", "focal_y": ""}


@pytest.fixture(autouse=True)
def _signing_key(db: None) -> None:
    keyring.rotate()


@pytest.fixture
def admin(db: None) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))
    return client


@pytest.fixture
def master(caller: Caller) -> Master:
    return Master.objects.get(id=caller.upload(file_name="red shoe.jpg", key="shop/shoe")["id"])


def staff(*permissions: str) -> Client:
    user = get_user_model().objects.create_user("staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def file(body: bytes, name: str = "photo.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, body)


def change_page(master: Master) -> str:
    return f"{LIST}{master.id}/change/"


def form(master: Master, **changes: Any) -> dict[str, Any]:
    return {**FIELDS, "key": master.key or "", "original_name": master.original_name, **changes}


def errors_on(answer: Any) -> str:
    assert answer.status_code == 200, "the form is shown again"
    return unescape(" ".join(re.findall(r'<ul class="errorlist.*?</ul>', answer.content.decode(), re.DOTALL)))


def pictures_on(answer: Any) -> list[str]:
    return [unescape(path) for path in re.findall(r'<img src="(/i/[^"]+)"', answer.content.decode())]


def test_the_list_shows_thumbnails_that_are_delivered(admin: Client, caller: Caller, master: Master) -> None:
    caller.upload(photo("png", 2), "hat.png")
    answer = admin.get(LIST)
    paths = pictures_on(answer)
    assert len(paths) == 2
    for path in paths:
        thumbnail = Client().get(path, headers={"Accept": "image/webp"})
        assert thumbnail.status_code == 200, thumbnail.content
        assert max(opened(thumbnail.content).size) <= 96
    text = answer.content.decode()
    assert "shop/shoe" in text
    assert "48 × 36" in text


def test_uploads_a_master_with_its_key_focal_point_and_tags(admin: Client) -> None:
    tag = Tag.objects.create(name="sale")
    document = {"file": file(photo(), "Rotes Kleid.jpg"), "key": "shop/kleid", "focal_x": "0.25", "focal_y": "0.5"}
    answer = admin.post(ADD, {**document, "tags": [str(tag.pk)]})
    assert answer.status_code == 302, errors_on(answer)
    master = Master.objects.get()
    assert (master.key, master.original_name, master.focal_x, master.focal_y) == (
        "shop/kleid",
        "Rotes_Kleid",
        0.25,
        0.5,
    )
    assert [tag.name for tag in master.tags.all()] == ["sale"]
    assert stored_files()[0].read_bytes() == photo()
    assert len(pictures_on(admin.get(change_page(master)))) == 1


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, "This field is required."),
        ({"file": photo()[:500]}, "JPEG"),
        ({"file": b"hello"}, "received b'hello'"),
        ({"file": b"%PDF-1.7\n"}, "PDF pictures are not accepted"),
        ({"file": b""}, "empty"),
        ({"file": photo(), "key": "a.b"}, "for key, received 'a.b'"),
        ({"file": photo(), "key": "a/metadata"}, "reserved word"),
        ({"file": photo(), "focal_x": "0.5"}, "both focal x and focal y"),
        ({"file": photo(), "focal_x": "2", "focal_y": "0.5"}, "0 to 1 for the focal point"),
        ({"file": photo(), "focal_x": "nan", "focal_y": "0.5"}, "Enter a number"),
    ],
)
def test_what_is_wrong_with_an_upload_stands_on_the_form(admin: Client, document: dict[str, Any], words: str) -> None:
    if "file" in document:
        document = {**document, "file": file(document["file"])}
    assert words in errors_on(admin.post(ADD, {**FIELDS, **document}))
    assert is_nothing_left()


def test_an_upload_beyond_the_limit_is_told_on_the_form(admin: Client, settings: Settings, temporary: Any) -> None:
    settings.CONFIG = replace(settings.CONFIG, upload_max_bytes=1000)
    assert "Expected at most 1,000 bytes" in errors_on(admin.post(ADD, {**FIELDS, "file": file(photo())}))
    assert is_nothing_left()


def test_a_taken_key_is_told_on_the_form(admin: Client, master: Master) -> None:
    assert "already exists" in errors_on(admin.post(ADD, {**FIELDS, "file": file(photo("png")), "key": "shop/shoe"}))
    assert len(stored_files()) == Blob.objects.count() == 1


def test_a_name_with_an_endless_extension_is_taken(admin: Client) -> None:
    assert admin.post(ADD, {**FIELDS, "file": file(photo(), "a." + "e" * 250)}).status_code == 302


def test_replaces_the_picture_and_nothing_else(admin: Client, master: Master) -> None:
    new = encoded(scene(90, 60), "png")
    with TestCase.captureOnCommitCallbacks(execute=True):
        answer = admin.post(change_page(master), form(master, file=file(new, "new.png")))
    assert answer.status_code == 302, errors_on(answer)
    changed = Master.objects.get()
    assert (changed.id, changed.key, changed.revision) == (master.id, "shop/shoe", 2)
    assert (changed.blob.format, changed.blob.width) == ("png", 90)
    assert [path.read_bytes() for path in stored_files()] == [new]


def test_a_broken_replacement_is_told_and_changes_nothing(admin: Client, master: Master) -> None:
    assert "JPEG" in errors_on(admin.post(change_page(master), form(master, file=file(photo()[:500]))))
    assert Master.objects.get().revision == 1
    assert [path.read_bytes() for path in stored_files()] == [photo()]


def test_moves_the_focal_point_and_renames(admin: Client, master: Master) -> None:
    answer = admin.post(change_page(master), form(master, focal_x="0.2", focal_y="0.7"))
    assert answer.status_code == 302, errors_on(answer)
    changed = Master.objects.get()
    assert (changed.focal_x, changed.focal_y, changed.revision) == (0.2, 0.7, 2)
    keep = {"focal_x": "0.2", "focal_y": "0.7"}
    answer = admin.post(change_page(master), form(master, key="", original_name="Schuh – rot", **keep))
    assert answer.status_code == 302, errors_on(answer)
    changed = Master.objects.get()
    assert (changed.key, changed.original_name, changed.revision) == (None, "Schuh – rot", 2)


def test_deletes_one_with_its_file(admin: Client, master: Master) -> None:
    page = admin.get(f"{LIST}{master.id}/delete/")
    assert page.status_code == 200
    assert Master.objects.exists()
    with TestCase.captureOnCommitCallbacks(execute=True):
        assert admin.post(f"{LIST}{master.id}/delete/", {"post": "yes"}).status_code == 302
    assert is_nothing_left()


def test_deletes_many_by_the_action_with_their_files(admin: Client, caller: Caller, master: Master) -> None:
    kept = caller.upload(photo("png"))
    twin = caller.upload()
    chosen = {"action": "delete_selected", "_selected_action": [str(master.id), twin["id"]]}
    assert admin.post(LIST, chosen).status_code == 200
    with TestCase.captureOnCommitCallbacks(execute=True):
        assert admin.post(LIST, {**chosen, "post": "yes"}).status_code == 302
    assert [str(left.id) for left in Master.objects.all()] == [kept["id"]]
    assert [path.read_bytes() for path in stored_files()] == [photo("png")]


def test_a_storage_that_is_away_is_told_in_a_message(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> None:
        raise ConnectionError("the storage is away")

    monkeypatch.setattr(AtomicFileSystemStorage, "_save", away)
    answer = admin.post(ADD, {**FIELDS, "file": file(photo())}, follow=True)
    assert "storage does not take files" in answer.content.decode()
    assert is_nothing_left()


@pytest.mark.parametrize("replacing", [False, True])
def test_what_fails_after_the_picture_was_stored_leaves_nothing_of_it(
    admin: Client, master: Master, monkeypatch: pytest.MonkeyPatch, replacing: bool
) -> None:
    def taken(*_: Any) -> None:
        raise KeyTaken("Another master has the key 'b'.")

    monkeypatch.setattr(masters, "change_master", taken)
    path, document = (change_page(master), form(master)) if replacing else (ADD, FIELDS)
    answer = admin.post(path, {**document, "file": file(photo("png"))}, follow=True)
    assert "Another master has the key" in unescape(answer.content.decode())
    assert (Master.objects.count(), [path.read_bytes() for path in stored_files()]) == (1, [photo()])


def test_who_may_only_look_changes_nothing(master: Master) -> None:
    viewer = staff("view_master")
    assert viewer.get(LIST).status_code == 200
    page = viewer.get(change_page(master))
    assert page.status_code == 200
    assert 'type="file"' not in page.content.decode()
    for path, document in (
        (ADD, {**FIELDS, "file": file(photo("png"))}),
        (change_page(master), form(master, key="other", file=file(photo("png")))),
        (f"{LIST}{master.id}/delete/", {"post": "yes"}),
    ):
        assert viewer.post(path, document).status_code == 403
    viewer.post(LIST, {"action": "delete_selected", "_selected_action": [str(master.id)], "post": "yes"})
    left = Master.objects.get()
    assert (left.key, left.revision, len(stored_files())) == ("shop/shoe", 1, 1)


@pytest.mark.parametrize("path", [LIST, ADD, "/admin/assets/tag/"])
def test_others_see_nothing(master: Master, path: str, temporary: Any) -> None:
    assert Client().get(path).status_code == 302
    assert staff("view_user").get(path).status_code == 403
    assert Client().post(ADD, {**FIELDS, "file": file(photo())}).status_code == 302
    assert Master.objects.count() == 1
    assert files_under(temporary) == []


def test_hostile_names_are_escaped(admin: Client, master: Master) -> None:
    hostile = '"><script>alert(1)</script>'
    Master.objects.update(original_name=hostile, key=None)
    Blob.objects.update(profile=hostile)
    for page in (LIST, change_page(master), f"{LIST}{master.id}/delete/", f"{LIST}?q=script"):
        text = admin.get(page).content.decode()
        assert "&lt;script&gt;" in text
        assert "<script>alert" not in text


@pytest.mark.parametrize("query", ["q=shoe", "q=01a2", "q=%00", "blob__format__exact=jpeg", "e=1", "q=" + "x" * 5000])
def test_searches_and_filters_never_fail(admin: Client, master: Master, query: str) -> None:
    assert admin.get(f"{LIST}?{query}").status_code in (200, 302)
