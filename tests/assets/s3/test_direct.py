"""Pictures that clients send straight to a real S3."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from assets import direct, masters
from assets.models import Blob, Master
from assets.s3.attempts import REST
from tests.assets.caller import Caller, files_under, photo, problem
from tests.fleet import objects
from tests.proxy import Proxy

UPLOADS = "/api/v1/uploads"
NOT_OURS = b"%PDF-1.4 no picture"


@pytest.fixture
def on_s3(bucket: str, settings: Settings) -> str:
    settings.CONFIG = replace(settings.CONFIG, storage="s3", masters_bucket=bucket, upload_max_bytes=100_000)
    settings.STORAGES = {
        **settings.STORAGES,
        "masters": {"BACKEND": "assets.s3.storage.SharedS3Storage", "OPTIONS": {"bucket_name": bucket}},
    }
    return bucket


def offered(caller: Caller, wish: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = caller.ask("POST", UPLOADS, json.dumps(wish or {}).encode(), "application/json")
    assert answer.status_code == 201, answer.body
    offer: dict[str, Any] = answer.json()
    return offer


def completed(caller: Caller, offer: dict[str, Any], **wish: Any) -> Any:
    return caller.ask("POST", offer["complete"], json.dumps(wish).encode(), "application/json")


def sent(offer: dict[str, Any], data: bytes) -> int:
    """This will send a picture as a stranger without any key does, and give S3's status."""
    headers, body = {}, data
    if offer["method"] == "POST":
        parts = [f'--b\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in offer["form"].items()]
        file = '--b\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
        body = "".join([*parts, file]).encode() + data + b"\r\n--b--\r\n"
        headers["Content-Type"] = "multipart/form-data; boundary=b"
    request = urllib.request.Request(offer["url"], data=body, method=offer["method"], headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def incoming(bucket: str) -> set[str]:
    return {name for name in objects(bucket) if name.startswith("incoming/")}


@pytest.mark.services
class TestOnS3:
    @pytest.mark.parametrize("wish", [{}, {"byteSize": len(photo())}], ids=["form", "put"])
    def test_a_picture_becomes_a_master(self, on_s3: str, caller: Caller, wish: dict[str, Any]) -> None:
        offer = offered(caller, wish)
        assert sent(offer, photo()) in (200, 204)
        assert not Master.objects.exists(), "it was not looked at yet"
        answer = completed(caller, offer, originalName="Red shoe", key="products/shoe", tags=["summer"])
        assert answer.status_code == 201, answer.body
        image = answer.json()
        assert image == {
            "id": offer["id"],
            "originalName": "Red shoe",
            "format": "jpeg",
            "width": 48,
            "height": 36,
            "byteSize": len(photo()),
        }
        told = caller.get("/api/v1/image/products/shoe").json()
        assert (told["id"], told["tags"]) == (offer["id"], ["summer"])
        assert caller.get("/image/products/shoe").body == photo()
        assert objects(on_s3) == {Blob.objects.get().storage_name}

    def test_s3_takes_neither_too_much_nor_another_length(self, on_s3: str, caller: Caller) -> None:
        assert sent(offered(caller), b"." * 100_001) == 400
        assert sent(offered(caller), b"") == 400
        assert sent(offered(caller, {"byteSize": 1000}), b"." * 1001) == 403
        too_large = caller.ask("POST", UPLOADS, b'{"byteSize": 100001}', "application/json")
        assert problem(too_large)[:2] == (413, "upload_too_large")
        assert objects(on_s3) == set()

    def test_s3_takes_nothing_elsewhere_or_changed(self, on_s3: str, caller: Caller) -> None:
        form = offered(caller)
        form["form"]["key"] = "00/somewhere"
        assert sent(form, photo()) == 403
        put = offered(caller, {"byteSize": len(photo())})
        put["url"] = put["url"].replace("incoming/", "00/")
        assert sent(put, photo()) == 403
        assert objects(on_s3) == set()

    @pytest.mark.parametrize(
        ("data", "told"),
        [
            (NOT_OURS, (415, "not_an_image")),
            (photo()[:200], (422, "damaged_image")),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", (415, "unsupported_format")),
        ],
    )
    def test_what_is_no_picture_becomes_no_master(
        self, on_s3: str, caller: Caller, data: bytes, told: tuple[int, str], temporary: Any
    ) -> None:
        offer = offered(caller)
        assert sent(offer, data) in (200, 204)
        assert problem(completed(caller, offer))[:2] == told
        assert not Master.objects.exists()
        assert not Blob.objects.exists()
        assert objects(on_s3) == set()
        assert files_under(temporary) == []
        assert problem(completed(caller, offer))[:2] == (404, "not_found")

    def test_a_key_that_is_taken_leaves_the_upload_for_another(self, on_s3: str, caller: Caller) -> None:
        caller.upload(photo("png"), key="shoe")
        offer = offered(caller)
        sent(offer, photo())
        assert problem(completed(caller, offer, key="shoe"))[:2] == (409, "key_taken")
        assert len(incoming(on_s3)) == 1
        assert completed(caller, offer, key="boot").status_code == 201
        assert incoming(on_s3) == set()

    def test_completing_twice_is_completing_once(self, on_s3: str, caller: Caller) -> None:
        offer = offered(caller)
        sent(offer, photo())
        first, second = completed(caller, offer), completed(caller, offer)
        assert first.json() == second.json()
        assert Master.objects.count() == 1

    def test_a_master_of_long_ago_is_not_told_to_who_may_only_upload(self, on_s3: str, caller: Caller) -> None:
        known = uuid.UUID(caller.upload()["id"])
        Master.objects.filter(id=known).update(created_at=timezone.now() - timedelta(days=1, seconds=1))
        stranger = Caller.with_scopes("upload")
        assert problem(completed(stranger, {"complete": f"{UPLOADS}/{known}/complete"}))[:2] == (404, "not_found")

    def test_what_was_never_uploaded_cannot_be_completed(self, on_s3: str, caller: Caller) -> None:
        assert problem(completed(caller, offered(caller)))[:2] == (404, "not_found")
        stranger = {"complete": f"{UPLOADS}/{uuid.uuid4()}/complete"}
        assert problem(completed(caller, stranger))[:2] == (404, "not_found")

    def test_while_s3_is_away_the_upload_waits(self, on_s3: str, caller: Caller, proxy: Proxy) -> None:
        offer = offered(caller)
        sent(offer, photo())
        proxy.cut()
        answer = completed(caller, offer)
        assert problem(answer)[:2] == (503, "storage_unavailable")
        assert int(answer["Retry-After"]) >= 1
        assert not Master.objects.exists()
        proxy.heal()
        REST.worked()  # else it would be left alone for two seconds
        assert completed(caller, offer).status_code == 201

    def test_clients_may_be_sent_to_another_address_of_s3(self, on_s3: str, caller: Caller, settings: Settings) -> None:
        settings.CONFIG = replace(settings.CONFIG, s3_public_endpoint_url="https://s3.example.com")
        for wish in ({}, {"byteSize": 10}):
            assert offered(caller, wish)["url"].startswith(f"https://s3.example.com/{on_s3}")


@pytest.mark.services
def test_of_two_that_complete_at_once_both_have_the_one_master(
    on_s3: str, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one completes while this one decodes."""
    offer = offered(caller)
    sent(offer, photo())
    upload, real = uuid.UUID(offer["id"]), masters.inspect_upload

    def meanwhile(file: Any) -> Any:
        monkeypatch.setattr(masters, "inspect_upload", real)
        direct.complete(upload)
        return real(file)

    monkeypatch.setattr(masters, "inspect_upload", meanwhile)
    assert direct.complete(upload).id == upload
    assert Master.objects.count() == 1
    assert objects(on_s3) == {Blob.objects.get().storage_name}


def test_on_a_disk_it_says_where_to_upload_instead(caller: Caller) -> None:
    answer = caller.ask("POST", UPLOADS, b"{}", "application/json")
    assert problem(answer)[:2] == (409, "no_direct_uploads")
    assert "/api/v1/images" in answer.json()["message"]
    completion = caller.ask("POST", f"{UPLOADS}/{uuid.uuid4()}/complete", b"{}", "application/json")
    assert problem(completion)[:2] == (409, "no_direct_uploads")


@pytest.mark.parametrize("wish", [{"byteSize": 0}, {"byteSize": "x"}, {"size": 10}])
def test_an_offer_cannot_be_of_nonsense(caller: Caller, wish: Any) -> None:
    assert caller.ask("POST", UPLOADS, json.dumps(wish).encode(), "application/json").status_code == 400


@pytest.mark.parametrize(
    "wish", [{"key": "a.b"}, {"key": "a/metadata"}, {"tags": ["No"]}, {"originalName": "a/b"}, {"name": "a"}]
)
def test_what_cannot_be_is_refused_before_anything_is_fetched(
    caller: Caller, wish: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(direct, "complete", lambda *_, **__: pytest.fail("fetched"))
    assert completed(caller, {"complete": f"{UPLOADS}/{uuid.uuid4()}/complete"}, **wish).status_code == 400


@pytest.mark.parametrize(
    ("who", "told"),
    [
        (Caller, (401, "missing_key")),
        (lambda: Caller.with_scopes("read", "manage", "sign"), (403, "missing_scope")),
    ],
)
def test_it_needs_the_scope_to_upload(db: None, who: Callable[[], Caller], told: tuple[int, str]) -> None:
    for path in (UPLOADS, f"{UPLOADS}/{uuid.uuid4()}/complete"):
        assert problem(who().ask("POST", path, b"{}", "application/json"))[:2] == told
    assert who().get(UPLOADS).status_code in (401, 403, 405)
