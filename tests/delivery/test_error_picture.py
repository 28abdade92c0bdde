"""The error picture: the layout is kept, the status stays the error's, and nothing loops."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from assets.errors import StorageUnavailable
from assets.models import Master
from assets.origins.errors import OriginTimeout
from delivery.hits import HITS
from delivery.variants import VariantRequest
from pipeline.errors import Busy, DamagedImage, ImageTooLarge, RenderFailed, RenderTimeout
from pipeline.rendition import Rendition
from tests.delivery.world import BROWSER, Answer, Renderer, configure, forced, master, rendition, saved, signed

Ask = Callable[..., Answer]
pytestmark = pytest.mark.django_db


@pytest.fixture
def shoe(renderer: Renderer) -> Master:
    return saved(master(key="shoe"))


@pytest.fixture
def sorry(renderer: Renderer) -> Master:
    configure(delivery_error_picture="brand/sorry")
    return saved(master("sorry", key="brand/sorry"))


def fails_for(
    renderer: Renderer, of: Master, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> list[VariantRequest]:
    """This will have the renders of one master fail, and give the requests for all."""
    asked: list[VariantRequest] = []

    def render(self: Renderer, request: VariantRequest) -> Rendition:
        asked.append(request)
        if request.master.id == of.id:
            raise error
        return rendition(b"sorry", request.render.format)

    monkeypatch.setattr(Renderer, "__call__", render)
    return asked


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (RenderFailed("It crashed."), 422, "render_failed"),
        (DamagedImage("It is damaged."), 422, "damaged_image"),
        (RenderTimeout("It took too long."), 504, "render_timeout"),
        (ImageTooLarge("It is too large."), 413, "image_too_large"),
    ],
)
def test_stands_in_for_a_picture_that_cannot_be(
    ask: Ask,
    shoe: Master,
    sorry: Master,
    renderer: Renderer,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: int,
    code: str,
) -> None:
    asked = fails_for(renderer, shoe, error, monkeypatch)
    url = signed("/i/shoe", "ar=2:1", "blur=9", "fit=crop", "fm=png", "rot=90", "v=1", "w=320")
    for _ in range(2):
        answer = ask(url)
        assert (answer.status, answer.body, answer.headers["content-type"]) == (status, b"sorry", "image/png")
        assert (answer.headers["x-imgopt-error"], answer.caching) == (code, "no-store")
        assert "etag" not in answer.headers
        assert answer.headers["x-content-type-options"] == "nosniff"
    [stand_in] = [request for request in asked if request.master.id == sorry.id]
    spec = stand_in.render.spec
    assert (spec.width, spec.height, spec.fit) == (320, 160, "crop"), "in the size asked for"
    assert (spec.blur, spec.rotate) == (0, 0), "what was to be done to the other picture is not done to this one"
    assert not HITS._hits


def test_a_picture_in_the_place_of_what_an_origin_owes_says_when_to_come_back(
    ask: Ask, shoe: Master, sorry: Master, renderer: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails_for(renderer, shoe, OriginTimeout("It did not answer in time."), monkeypatch)
    answer = ask(signed("/i/shoe", "w=320"))
    assert (answer.status, answer.headers["x-imgopt-error"]) == (504, "origin_timeout")
    assert answer.headers["retry-after"] == "5"


def test_stands_in_for_a_master_that_is_not_there(ask: Ask, sorry: Master) -> None:
    answer = ask(signed("/i/nobody", "w=320"), HTTP_ACCEPT=BROWSER)
    assert (answer.status, answer.headers["x-imgopt-error"]) == (404, "not_found")
    assert (answer.headers["content-type"], answer.headers["vary"]) == ("image/avif", "Accept")
    head = ask(signed("/i/nobody", "w=320"), HTTP_ACCEPT=BROWSER, method="HEAD")
    assert (head.status, head.body) == (404, b"")
    assert head.headers["content-length"] == answer.headers["content-length"]


@pytest.mark.parametrize(
    ("url", "status"),
    [
        (signed("/i/shoe", "w=320") + "x", 403),
        ("/i/nobody", 403),
        (signed("/i/shoe", "expires=1"), 410),
        (forced("/i/nobody", "w=1e3"), 400),
        (forced("/i/nobody", "x=1"), 400),
        (signed("/i/shoe", "mark=nobody"), 400),
        (signed("/i/nobody", "preset=nobody"), 400),
    ],
)
def test_whoever_wrote_the_url_must_see_his_mistake(
    ask: Ask, shoe: Master, sorry: Master, renderer: Renderer, url: str, status: int
) -> None:
    answer = ask(url)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/json")
    assert not renderer.calls


@pytest.mark.parametrize("error", [Busy("Full."), StorageUnavailable("Away.")])
def test_what_will_be_better_in_a_moment_is_told_with_the_time(
    ask: Ask, shoe: Master, sorry: Master, renderer: Renderer, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    fails_for(renderer, shoe, error, monkeypatch)
    answer = ask(signed("/i/shoe", "w=320"))
    assert (answer.status, answer.headers["content-type"]) == (503, "application/json")
    assert answer.headers["retry-after"]


def test_a_limit_is_told_as_one(ask: Ask, shoe: Master, sorry: Master) -> None:
    configure(delivery_miss_rate=0.01, delivery_miss_burst=1)
    assert [ask(signed("/i/shoe", f"w={width}")).status for width in (320, 640)] == [200, 429]


@pytest.mark.parametrize("reference", ["brand/sorry", "nobody", "not a key", "\x00"])
def test_an_error_picture_that_fails_itself_leaves_the_error_as_it_is(
    ask: Ask, shoe: Master, sorry: Master, renderer: Renderer, reference: str
) -> None:
    configure(delivery_error_picture=reference)
    renderer.error = RenderFailed("It crashed.")
    answer = ask(signed("/i/shoe", "w=320"))
    assert (answer.status, json.loads(answer.body)["code"]) == (422, "render_failed")
    assert "x-imgopt-error" not in answer.headers
    assert len(renderer.calls) == (2 if reference == "brand/sorry" else 1)


def test_the_error_picture_itself_is_delivered_like_any_other(ask: Ask, sorry: Master, renderer: Renderer) -> None:
    url = signed("/i/brand/sorry", "w=320")
    assert ask(url).status == 200
    HITS.clear()
    renderer.error = RenderFailed("It crashed.")
    answer = ask(signed("/i/brand/sorry", "w=640"))
    assert (answer.status, answer.headers["content-type"]) == (422, "application/json")


def test_without_the_setting_there_is_none(ask: Ask, shoe: Master) -> None:
    assert ask(signed("/i/nobody", "w=320")).headers["content-type"] == "application/json"


def test_other_addresses_keep_their_errors(ask: Ask, sorry: Master) -> None:
    answer = ask("/api/v1/image/nobody")
    assert answer.headers["content-type"] == "application/json"
