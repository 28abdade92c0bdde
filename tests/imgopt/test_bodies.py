"""Bodies that do not say how long they are."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from pytest_django import Settings

from assets.models import Master
from imgopt.bodies import WholeStream
from tests.assets.caller import FORM, IMAGES, Caller, Part, form, photo

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_settings(settings: Settings) -> None:
    settings.CONFIG = settings.CONFIG  # so that a test's changes are undone
    settings.WHITENOISE_AUTOREFRESH = True


def ask(method: str, path: str, body: bytes, content_type: str, **more: Any) -> tuple[int, Any]:
    """This will call the application as a server does that hands over a body of unknown length."""
    token = Caller.with_scopes("upload", "read", "manage").headers["Authorization"]
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_AUTHORIZATION": token,
        "HTTP_TRANSFER_ENCODING": "chunked",
        "CONTENT_TYPE": content_type,
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        **more,
    }
    heard: list[str] = []
    start: Any = lambda status, headers, *_: heard.append(status)  # noqa: E731
    answer: Any = WSGIHandler()(environ, start)
    text = b"".join(answer)
    answer.close()
    return int(heard[0].split()[0]), json.loads(text or b"null")


def test_an_upload_is_taken() -> None:
    status, [image] = ask("POST", IMAGES, form(Part(photo()), Part(b"shop/shoe", None, "key")), FORM)
    assert (status, image["byteSize"]) == (201, len(photo()))
    assert Master.objects.get().key == "shop/shoe"


def test_so_is_json() -> None:
    _, [image] = ask("POST", IMAGES, form(Part(photo())), FORM)
    status, told = ask("PATCH", f"/api/v1/image/{image['id']}", b'{"tags": ["summer"]}', "application/json")
    assert (status, told["tags"]) == (200, ["summer"])


def test_the_limits_hold(settings: Settings) -> None:
    settings.CONFIG = replace(settings.CONFIG, upload_max_bytes=len(photo()) - 1)
    status, told = ask("POST", IMAGES, form(Part(photo())), FORM)
    assert (status, told["code"]) == (413, "upload_too_large")
    assert Master.objects.count() == 0


def test_the_limit_of_other_bodies_holds(settings: Settings) -> None:
    _, [image] = ask("POST", IMAGES, form(Part(photo())), FORM)
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    for spaces, expected in ((1000 - 2, 200), (1000 - 1, 413)):
        path = f"/api/v1/image/{image['id']}"
        assert ask("PATCH", path, b"{" + b" " * spaces + b"}", "application/json")[0] == expected


def test_a_stranger_is_turned_away_before_anything_is_read() -> None:
    body = io.BytesIO(b"{}")
    more = {"HTTP_AUTHORIZATION": "", "wsgi.input": body}
    assert ask("PATCH", "/api/v1/image/shop/shoe", b"", "application/json", **more)[0] == 401
    assert body.tell() == 0


def test_a_form_that_was_cut_off_is_no_form() -> None:
    status, told = ask("POST", IMAGES, form(Part(photo()))[:-10], FORM)
    assert (status, told["error"]) == (400, "invalid multipart form")


def test_a_server_that_does_not_say_that_bodies_end_is_not_trusted_to_end_them() -> None:
    status, told = ask("POST", IMAGES, form(Part(photo())), FORM, **{"wsgi.input_terminated": False})
    assert (status, told["error"]) == (400, "invalid multipart form")


def test_a_stated_length_counts() -> None:
    body = form(Part(photo()))
    status, _ = ask("POST", IMAGES, body + b"more", FORM, CONTENT_LENGTH=str(len(body)))
    assert status == 201


def test_a_body_that_breaks_off_is_no_shorter_body() -> None:
    assert WholeStream(io.BytesIO(b"whole"), 5).read() == b"whole"
    with pytest.raises(OSError, match="broke off"):
        WholeStream(io.BytesIO(b"who"), 5).read()
