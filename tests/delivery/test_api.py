"""The REST API of delivery: who may sign and purge, and what comes back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apikeys import service as apikeys
from assets.models import Master
from delivery import keyring
from delivery.asked import parse_asked
from delivery.models import Purge
from delivery.publish import signed_path
from delivery.signing import verify
from tests.delivery.world import Answer, Renderer, master, saved

pytestmark = pytest.mark.django_db
SIGN = "/api/v1/sign"


@pytest.fixture
def shoe(renderer: Renderer) -> Master:
    return saved(master(key="products/shoe"))


@pytest.fixture
def caller() -> Callable[..., Any]:
    """Posts with a fresh key of these scopes; none: without a key."""

    def post(path: str, document: Any = None, *scopes: str, method: str = "POST", body: bytes | None = None) -> Any:
        headers = {}
        if scopes:
            token = apikeys.issue(name="tests", scopes=scopes).token
            headers = {"Authorization": f"Bearer {token}"}
        return Client(raise_request_exception=False).generic(
            method, path, json.dumps(document) if body is None else body, "application/json", headers=headers
        )

    return post


def test_signs(caller: Callable[..., Any], shoe: Master) -> None:
    answer = caller(
        SIGN, {"image": "products/shoe", "params": {"w": "800", "fm": "webp"}, "fileName": "a.webp"}, "sign"
    )
    assert answer.status_code == 200
    path, _, query = answer.json()["url"].removeprefix("http://127.0.0.1:8000").partition("?")
    asked = parse_asked(path, verify(path, query, keyring.current().secrets, 0))
    assert path == "/i/products/shoe/a.webp"
    assert (asked.wishes.spec.width, asked.wishes.spec.format, asked.revision) == (800, "webp", 1)
    assert answer.json()["expiresAt"] is None


def test_signs_by_id_and_takes_numbers(caller: Callable[..., Any], shoe: Master) -> None:
    answer = caller(SIGN, {"image": str(shoe.id), "params": {"w": 800}}, "sign")
    assert "?v=1&w=800&s=" in answer.json()["url"]


def test_signs_without_parameters(caller: Callable[..., Any], shoe: Master) -> None:
    assert caller(SIGN, {"image": "products/shoe"}, "sign").status_code == 200


def test_a_time_boxed_url_says_when_it_ends(caller: Callable[..., Any], shoe: Master) -> None:
    document = caller(SIGN, {"image": "products/shoe", "expiresIn": 60}, "sign").json()
    assert f"?expires={document['expiresAt']}&" in document["url"]
    assert abs(document["expiresAt"] - time.time() - 60) < 10


def test_what_is_signed_is_delivered(caller: Callable[..., Any], shoe: Master, ask: Callable[..., Answer]) -> None:
    url = caller(SIGN, {"image": "products/shoe", "params": {"w": "320"}}, "sign").json()["url"]
    assert ask(url.removeprefix("http://127.0.0.1:8000")).status == 200


GOOD = {"image": "products/shoe", "params": {"w": "800"}}
REFUSED: dict[str, tuple[Any, int, str]] = {
    "unknown image": ({**GOOD, "image": "nobody"}, 404, "not_found"),
    "unknown id": ({**GOOD, "image": "00000000-0000-7000-8000-000000000000"}, 404, "not_found"),
    "no image": ({"params": {}}, 400, "bad_request"),
    "empty image": ({"image": ""}, 400, "bad_request"),
    "image with a null": ({"image": "a\0b"}, 400, "bad_request"),
    "image that is a list": ({"image": ["products/shoe"]}, 400, "bad_request"),
    "a long image": ({"image": "x" * 1000}, 400, "bad_request"),
    "unknown parameter": ({**GOOD, "params": {"x": "1"}}, 400, "bad_parameter"),
    "nonsense": ({**GOOD, "params": {"w": "1e3"}}, 400, "bad_parameter"),
    "empty value": ({**GOOD, "params": {"w": ""}}, 400, "bad_request"),
    "a signature": ({**GOOD, "params": {"s": "x"}}, 400, "bad_parameter"),
    "an expiry among the parameters": ({**GOOD, "params": {"expires": "1"}}, 400, "bad_parameter"),
    "parameters that are a text": ({**GOOD, "params": "w=800"}, 400, "bad_request"),
    "parameters within parameters": ({**GOOD, "params": {"w": {"a": 1}}}, 400, "bad_request"),
    "a bad file name": ({**GOOD, "fileName": "../x.webp"}, 400, "bad_parameter"),
    "no time": ({**GOOD, "expiresIn": 0}, 400, "bad_request"),
    "a negative time": ({**GOOD, "expiresIn": -1}, 400, "bad_request"),
    "a huge time": ({**GOOD, "expiresIn": 10**12}, 400, "bad_request"),
    "a time that is a text": ({**GOOD, "expiresIn": "soon"}, 400, "bad_request"),
    "a list": ([], 400, "bad_request"),
    "a number": (1, 400, "bad_request"),
    "null": (None, 400, "bad_request"),
}


@pytest.mark.parametrize(("document", "status", "code"), REFUSED.values(), ids=list(REFUSED))
def test_refuses_to_sign(caller: Callable[..., Any], shoe: Master, document: Any, status: int, code: str) -> None:
    answer = caller(SIGN, document, "sign")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["message"] == answer.json()["error"]
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"image": NaN}', b'{"image": "\\ud800"}'])
def test_a_body_that_is_no_json_is_a_400(caller: Callable[..., Any], shoe: Master, body: bytes) -> None:
    assert caller(SIGN, None, "sign", body=body).status_code == 400


@pytest.mark.parametrize("path", [SIGN, "/api/v1/image/products/shoe/purge"])
def test_needs_a_key_with_the_scope(caller: Callable[..., Any], shoe: Master, path: str) -> None:
    assert caller(path, GOOD).status_code == 401
    wrong = {"upload", "read", "manage", "sign"} - {"sign" if path == SIGN else "manage"}
    answer = caller(path, GOOD, *wrong)
    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")
    assert Purge.objects.count() == 0


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", [SIGN, "/api/v1/image/products/shoe/purge"])
def test_only_post_is_allowed(caller: Callable[..., Any], shoe: Master, path: str, method: str) -> None:
    answer = caller(path, GOOD, "sign", "manage", method=method)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert "POST" in answer["Allow"]


def test_purges(caller: Callable[..., Any], shoe: Master, ask: Callable[..., Answer]) -> None:
    url = signed_path(shoe, {"w": "320"})
    assert [ask(url).headers["x-cache"] for _ in range(2)] == ["render", "memory"]
    for reference in ("products/shoe", shoe.id):
        answer = caller(f"/api/v1/image/{reference}/purge", None, "manage")
        assert (answer.status_code, answer.content) == (204, b"")
        assert ask(url).headers["x-cache"] == "render"
    assert Purge.objects.count() == 2


def test_purging_what_is_not_there_is_a_404(caller: Callable[..., Any], shoe: Master) -> None:
    for reference in ("nobody", "00000000-0000-7000-8000-000000000000", "products"):
        answer = caller(f"/api/v1/image/{reference}/purge", None, "manage")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
