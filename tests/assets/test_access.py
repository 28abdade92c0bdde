"""Who may call which endpoint, and what everybody else hears. The same questions for every endpoint."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from assets.disk import AtomicFileSystemStorage
from assets.models import Master
from tests.assets.caller import FORM, IMAGES, Caller, Part, form, photo, problem, stored_files

pytestmark = pytest.mark.django_db

SCOPES = ("upload", "sign", "read", "manage")
ABSENT = ("01890a5d-ac96-774b-bcce-b302099a8057", "shop/none", "a.b", "a/", "%00", "a%00b", "é", "x" * 300, "..%2f..")


@dataclass(frozen=True)
class Endpoint:
    method: str
    path: str
    scope: str
    body: bytes = b""
    content_type: str = ""
    status: int = 200

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def ask(self, caller: Caller, reference: str = "shop/shoe", **options: Any) -> Any:
        return caller.ask(self.method, self.path.format(reference), self.body, self.content_type, **options)


UPLOAD = Endpoint("POST", IMAGES, "upload", form(Part(photo("png"))), FORM, 201)
LIST = Endpoint("GET", IMAGES, "read")
OF_ONE = (
    Endpoint("GET", "/api/v1/image/{}", "read"),
    Endpoint("GET", "/api/v1/image/{}/metadata", "read"),
    Endpoint("GET", "/api/v1/image/{}/placeholder", "read"),
    Endpoint("GET", "/api/v1/image/{}/colour", "read"),
    Endpoint("GET", "/api/v1/image/{}/colour/managed", "read"),
    Endpoint("GET", "/api/v1/image/{}/colour/ignored", "read"),
    Endpoint("GET", "/api/v1/image/{}/colour/heat", "read"),
    Endpoint("GET", "/image/{}", "read"),
    Endpoint("PATCH", "/api/v1/image/{}", "manage", json.dumps({"tags": ["a"]}).encode(), "application/json"),
    Endpoint("PUT", "/api/v1/image/{}", "manage", form(Part(photo("gif"))), FORM),
    Endpoint("DELETE", "/api/v1/image/{}", "manage", status=204),
)
ALL = (UPLOAD, LIST, *OF_ONE)
every_endpoint = pytest.mark.parametrize("endpoint", ALL, ids=str)


@pytest.fixture(autouse=True)
def shoe(caller: Caller) -> Master:
    return Master.objects.get(id=caller.upload(key="shop/shoe")["id"])


@every_endpoint
def test_the_scope_is_enough(endpoint: Endpoint) -> None:
    assert endpoint.ask(Caller.with_scopes(endpoint.scope)).status_code == endpoint.status


@every_endpoint
def test_all_other_scopes_together_are_not(endpoint: Endpoint, shoe: Master) -> None:
    others = [scope for scope in SCOPES if scope != endpoint.scope]
    status, code, sentence = problem(endpoint.ask(Caller.with_scopes(*others)))
    assert (status, code) == (403, "missing_scope")
    assert f"'{endpoint.scope}'" in sentence
    assert [master.updated_at for master in Master.objects.all()] == [shoe.updated_at]


@every_endpoint
@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "missing_key"),
        ({"Authorization": "Basic YTpi"}, "missing_key"),
        ({"Authorization": "Bearer imgo_live_abcdefgh_" + "x" * 43}, "invalid_key"),
        ({"X-API-Key": "nonsense"}, "invalid_key"),
    ],
)
def test_a_stranger_hears_401_and_touches_no_master(endpoint: Endpoint, headers: dict[str, str], code: str) -> None:
    with CaptureQueriesContext(connection) as queries:
        answer = endpoint.ask(Caller(headers))
    assert problem(answer)[:2] == (401, code)
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert not [query for query in queries if "assets_" in query["sql"]]


@pytest.mark.parametrize(
    ("path", "wrong", "allowed"),
    [
        (IMAGES, ("PUT", "PATCH", "DELETE", "TRACE"), {"GET", "POST", "HEAD", "OPTIONS"}),
        ("/api/v1/image/shop/shoe", ("POST", "TRACE"), {"GET", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS"}),
        ("/api/v1/image/shop/shoe/metadata", ("POST", "PUT", "PATCH", "DELETE"), {"GET", "HEAD", "OPTIONS"}),
        ("/api/v1/image/shop/shoe/colour", ("POST", "PUT", "PATCH", "DELETE"), {"GET", "HEAD", "OPTIONS"}),
        ("/api/v1/image/shop/shoe/colour/heat", ("POST", "PUT", "PATCH", "DELETE"), {"GET", "HEAD", "OPTIONS"}),
        ("/image/shop/shoe", ("POST", "PUT", "PATCH", "DELETE"), {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_other_methods_are_not_allowed_and_hear_which_are(
    caller: Caller, path: str, wrong: tuple[str, ...], allowed: set[str]
) -> None:
    for method in wrong:
        answer = caller.ask(method, path)
        assert problem(answer)[:2] == (405, "method_not_allowed")
        assert set(answer["Allow"].split(", ")) == allowed
    assert Master.objects.count() == 1


@pytest.mark.parametrize("path", [endpoint.path for endpoint in (LIST, *OF_ONE[:7])])
def test_options_and_head_are_answered(caller: Caller, path: str) -> None:
    assert caller.ask("OPTIONS", path.format("shop/shoe")).status_code == 200
    head = caller.ask("HEAD", path.format("shop/shoe"))
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize("endpoint", OF_ONE, ids=str)
@pytest.mark.parametrize("reference", ABSENT)
def test_what_is_not_there_is_not_found(caller: Caller, endpoint: Endpoint, reference: str) -> None:
    assert problem(endpoint.ask(caller, reference)) == (404, "not_found", "Image not found")


@pytest.mark.parametrize("reference", ["a.b", "a%00b", "é", "a%20b", "..%2f.."])
def test_what_can_be_no_name_is_not_looked_up(caller: Caller, reference: str) -> None:
    """PostgreSQL, for one, fails on NUL."""
    with CaptureQueriesContext(connection) as queries:
        assert caller.get(f"/image/{reference}").status_code == 404
    assert not [query for query in queries if "assets_" in query["sql"]]


@pytest.mark.parametrize("path", ["/api/v1/image", "/api/v1/image/", "/image/", "/api/v1/images/", "/api/v1/nothing"])
def test_other_addresses_do_not_exist(caller: Caller, path: str) -> None:
    assert problem(caller.get(path))[:2] == (404, "not_found")


class AwayStorage(AtomicFileSystemStorage):
    """Does not answer at all."""

    def _away(self, *_: Any, **__: Any) -> Any:
        raise ConnectionError("the storage is away")

    exists = size = _open = _save = delete = path = _away


@every_endpoint
def test_a_storage_that_is_away_costs_what_needs_it_a_503_and_nothing_else(
    endpoint: Endpoint, caller: Caller, settings: Any
) -> None:
    away = {**settings.STORAGES["masters"], "BACKEND": f"{__name__}.AwayStorage"}
    settings.STORAGES = {**settings.STORAGES, "masters": away}
    answer = endpoint.ask(caller)
    needs_bytes = endpoint.path == "/image/{}" or "/colour" in endpoint.path
    if endpoint.method in ("POST", "PUT") or needs_bytes:
        assert problem(answer)[:2] == (503, "storage_unavailable")
        assert int(answer["Retry-After"]) >= 1
        assert Master.objects.get().blob.format == "jpeg"
    else:
        assert answer.status_code == endpoint.status


def test_a_lost_file_is_told_by_the_download(caller: Caller) -> None:
    stored_files()[0].unlink()
    for method in ("GET", "HEAD"):
        assert caller.ask(method, "/image/shop/shoe").status_code == 503
    assert caller.get("/api/v1/image/shop/shoe").status_code == 200
