"""The client's calls, against a server on this machine that says what it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.template import Context, Engine, TemplateSyntaxError
from pytest_django import Settings

from imgopt_client import Image, Service, picture, srcset, variant_url
from imgopt_client.api import Api
from imgopt_client.errors import ApiError, BadArgument, NoAnswer, NotFound
from tests.client.validity import check
from tests.client.vectors import SECRET

SHOE = {
    "id": "01a2", "key": "products/shoe", "origin": None, "width": 1000, "height": 667, "revision": 4,
    "hasAlpha": False, "pages": 1, "format": "jpeg", "placeholder": "", "dominantColour": "#112233",
}  # fmt: skip
FACTS = Image("products/shoe", 1000, 667, revision=4, dominant_colour="#112233")
ENGINE = Engine(libraries={"imgopt": "imgopt_client.django.templatetags.imgopt"})


@dataclass
class Remote:
    """What the service answers, and what it was asked."""

    status: int = 200
    body: bytes = json.dumps(SHOE).encode()
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def remote() -> Iterator[Remote]:
    remote = Remote()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            remote.asked.append((self.command, self.path, dict(self.headers), body))
            self.send_response(remote.status)
            for name, value in {"Content-Length": str(len(remote.body)), **remote.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(remote.body)

        do_GET = do_POST = _answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    remote.url = f"http://127.0.0.1:{server.server_port}"
    yield remote
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def api(remote: Remote) -> Api:
    return Api(url=remote.url, key="imgo_live_x", timeout_seconds=5)


def test_asks_for_a_picture(api: Api, remote: Remote) -> None:
    assert api.image("products/shoe") == FACTS
    [(method, path, headers, _)] = remote.asked
    assert (method, path, headers["Authorization"]) == ("GET", "/api/v1/image/products/shoe", "Bearer imgo_live_x")


def test_uploads_a_form(api: Api, remote: Remote) -> None:
    remote.status, remote.body = 201, b'[{"id": "01a2"}]'
    assert api.upload('../ro"t\r\nX: y.jpg', b"\xff\xd8", key="a/b") == "01a2"
    [(_, path, headers, body)] = remote.asked
    assert path == "/api/v1/images"
    assert headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert b'name="file"; filename="ro%22t%0D%0AX%3A y.jpg"\r\n\r\n\xff\xd8\r\n' in body
    assert b'name="key"\r\n\r\na/b\r\n' in body


def test_signs(api: Api, remote: Remote) -> None:
    remote.body = b'{"url": "https://x/i/a?s=1", "expiresAt": null}'
    assert api.sign("a", {"w": "80"}, expires_in=60) == "https://x/i/a?s=1"
    assert json.loads(remote.asked[0][3]) == {"image": "a", "params": {"w": "80"}, "expiresIn": 60}


def test_what_the_service_refuses_is_a_named_error(api: Api, remote: Remote) -> None:
    remote.status, remote.body = 404, b'{"code": "not_found", "message": "Image not found"}'
    with pytest.raises(NotFound, match="Image not found"):
        api.image("a")
    remote.status, remote.body = 502, b"<html>"
    with pytest.raises(ApiError) as refused:
        api.image("a")
    assert (refused.value.status, refused.value.code) == (502, "unknown")


def test_silence_is_a_named_error(remote: Remote) -> None:
    with pytest.raises(NoAnswer):
        Api(url="http://127.0.0.1:9", key="x", timeout_seconds=1).image("a")
    remote.body = b"hello"
    with pytest.raises(NoAnswer, match="in JSON"):
        Api(url=remote.url, key="x").image("a")
    with pytest.raises(BadArgument):
        Api(url="file:///etc/passwd", key="x")


def test_the_key_follows_no_redirect(api: Api, remote: Remote) -> None:
    remote.status, remote.headers = 302, {"Location": f"{remote.url}/elsewhere"}
    with pytest.raises(ApiError):
        api.image("a")
    assert len(remote.asked) == 1
    assert "imgo_live_x" not in repr(api)


@pytest.fixture
def site(settings: Settings, remote: Remote) -> Settings:
    settings.IMGOPT_CLIENT = {"url": remote.url, "key_id": "k1", "secret": SECRET, "api_key": "imgo_live_x"}
    settings.DEBUG = False
    cache.clear()
    return settings


def rendered(template: str, **context: Any) -> str:
    return str(ENGINE.from_string("{% load imgopt %}" + template).render(Context(context)))


PICTURE = '{% picture image alt="A shoe" sizes="50vw" ar="1:1" fit="crop" fp_x=0.5 class="card" %}'


@pytest.mark.parametrize(
    "image", ["products/shoe", FACTS, SHOE, {"reference": "products/shoe", "width": 1000, "height": 667, "revision": 4}]
)
def test_the_tags_give_what_the_client_gives(site: Settings, remote: Remote, image: Any) -> None:
    service = Service.of(remote.url, "k1", SECRET)
    facts = FACTS if not isinstance(image, dict) or "id" in image else Image("products/shoe", 1000, 667, revision=4)
    said = {"ar": "1:1", "fit": "crop", "fp-x": 0.5}
    html = rendered(PICTURE, image=image)
    assert html == picture(service, facts, alt="A shoe", sizes="50vw", params=said, class_="card").html
    check(html)
    candidates = srcset(service, facts, widths="320", fm="avif").replace("&", "&amp;")
    assert rendered('{% srcset image widths="320" fm="avif" %}', image=image) == candidates
    url = variant_url(service, facts, {"w": 80}, file_name="a.jpg").replace("&", "&amp;")
    assert rendered('{% variant_url image w=80 file_name="a.jpg" %}', image=image) == url


def test_a_picture_is_looked_up_once(site: Settings, remote: Remote) -> None:
    for _ in range(3):
        rendered(PICTURE, image="products/shoe")
    assert len(remote.asked) == 1


def test_a_picture_that_is_not_there_does_not_break_the_page(site: Settings, remote: Remote) -> None:
    remote.status, remote.body = 404, b'{"code": "not_found", "message": "Image not found"}'
    for _ in range(2):
        html = rendered(PICTURE, image="nobody")
    assert html == '<span class="imgopt-missing card" role="img" aria-label="A shoe"></span>'
    assert len(remote.asked) == 1, "what is not there is remembered too"
    assert rendered("{% variant_url image %}{% srcset image %}", image=None) == ""


@pytest.mark.parametrize("said", ['preset="gone"', 'rect="5000,0,10,10"'])
def test_what_was_changed_since_does_not_break_the_page(site: Settings, said: str) -> None:
    site.IMGOPT_CLIENT = {**site.IMGOPT_CLIENT, "presets": {"hero": "ar=2:1&fit=crop"}}
    tags = f'{{% picture image alt="x" {said} %}}|{{% srcset image {said} %}}'
    assert rendered(tags, image=FACTS) == '<span class="imgopt-missing" role="img" aria-label="x"></span>|'
    site.DEBUG = True
    with pytest.raises(TemplateSyntaxError, match=r"picture: Expected .+ for (preset|rect), received"):
        rendered(tags, image=FACTS)


def test_a_silent_service_costs_a_page_one_wait(site: Settings, remote: Remote) -> None:
    remote.status, remote.body = 503, b'{"code": "busy", "message": "-"}'
    html = rendered("{% for name in names %}{% picture name alt=name %}{% endfor %}", names=["a", "b", "c"])
    assert html.count("imgopt-missing") == 3
    assert len(remote.asked) == 1


def test_a_wrong_key_is_not_hidden(site: Settings, remote: Remote) -> None:
    remote.status, remote.body = 401, b'{"code": "invalid_key", "message": "-"}'
    with pytest.raises(ApiError):
        rendered(PICTURE, image="a")


def test_an_author_is_told(site: Settings) -> None:
    site.DEBUG = True
    with pytest.raises(TemplateSyntaxError, match="received None"):
        rendered(PICTURE, image=None)
    assert "fallback.png" in rendered('{% picture image alt="" fallback="/fallback.png" %}', image=None)
    for template, words in (
        ("{% picture image %}", 'Expected alt="…"'),
        ('{% picture image alt="" clas="a" %}', "parameter of a delivery URL, received 'clas'"),
        ('{% picture image alt="" expires_in="soon" %}', "Expected seconds"),
        ("{% srcset image widths='-1' %}", "for widths, received '-1'"),
        ("{% variant_url image hight=1 %}", "did you mean 'height'"),
    ):
        with pytest.raises(TemplateSyntaxError, match=words):
            rendered(template, image=FACTS)
    with pytest.raises(TemplateSyntaxError, match="width and height"):
        rendered(PICTURE, image={"reference": "a"})


def test_wrong_settings_are_told(site: Settings) -> None:
    for wrong, words in (
        ({"url": "https://x", "key_id": "k1"}, "Expected secret"),
        ({"uri": "https://x"}, "received 'uri'"),
    ):
        site.IMGOPT_CLIENT = wrong
        with pytest.raises(ImproperlyConfigured, match=words):
            rendered(PICTURE, image=FACTS if "url" in wrong else "a")
    site.IMGOPT_CLIENT = {"url": "https://x", "key_id": "k1", "secret": SECRET}
    with pytest.raises(ImproperlyConfigured, match="Expected api_key"):
        rendered(PICTURE, image="a")
