"""`GET /i/…` through the edge and Django, with masters in the database and a renderer that draws nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.utils import timezone

from assets.children import render_pool
from assets.errors import StorageUnavailable
from assets.models import Master
from delivery import keyring, respond
from delivery.hits import HITS
from delivery.publish import signed_path
from delivery.service import service
from delivery.signing import SigningKey
from pipeline.errors import Busy, RenderFailed, RenderTimeout
from tests import images
from tests.delivery.world import (
    BROWSER,
    KEY,
    Answer,
    Renderer,
    bytes_of,
    configure,
    forced,
    master,
    saved,
    signed,
)

Ask = Callable[..., Answer]

pytestmark = pytest.mark.django_db


@pytest.fixture
def shoe(db: None, renderer: Renderer) -> Master:
    return saved(master(key="products/shoe"))


def test_walks_from_render_to_memory_to_storage(ask: Ask, shoe: Master, renderer: Renderer) -> None:
    url = signed_path(shoe, {"w": "320", "fm": "webp"})
    answers = [ask(url), ask(url)]
    service().memory.purge(shoe.blob.digest)
    answers += [ask(url), ask(url)]
    assert [answer.headers["x-cache"] for answer in answers] == ["render", "memory", "storage", "memory"]
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == len({answer.headers["etag"] for answer in answers}) == 1
    assert len(renderer.calls) == 1


def test_django_and_the_edge_say_the_same(ask: Ask, shoe: Master) -> None:
    """But for what depends on the moment, and what Django's own middleware adds."""
    url = signed_path(shoe, {"w": "320"})
    for _ in range(2):
        from_django, from_edge = ask(url, HTTP_ACCEPT=BROWSER), ask(url, HTTP_ACCEPT=BROWSER)
        ours = {name: value for name, value in from_edge.headers.items() if name not in ("x-cache", "server-timing")}
        assert ours.items() <= from_django.headers.items()
        known = {"HTTP_ACCEPT": BROWSER, "HTTP_IF_NONE_MATCH": from_edge.headers["etag"]}
        edge_304 = ask(url, **known)
        HITS.clear()
        django_304 = ask(url, **known)
        assert (edge_304.status, django_304.status) == (304, 304)
        ours = {name: value for name, value in edge_304.headers.items() if name not in ("x-cache", "server-timing")}
        assert ours.items() <= django_304.headers.items()
        HITS.clear()


def test_a_304_says_nothing_of_a_body_it_does_not_have(ask: Ask, shoe: Master) -> None:
    """A cache would take the content type of a 304 for that of the picture it holds."""
    url = signed_path(shoe, {"w": "320"})
    answer = ask(url, HTTP_IF_NONE_MATCH="*")
    assert (answer.status, answer.body, answer.headers["x-cache"]) == (304, b"", "render")
    assert "content-type" not in answer.headers
    assert answer.headers["vary"] == "Accept"


def test_head_is_answered_like_get_without_the_body(ask: Ask, shoe: Master) -> None:
    url = signed_path(shoe, {"w": "320", "fm": "webp"})
    head = ask(url, method="HEAD")
    assert (head.status, head.body, head.headers["x-cache"]) == (200, b"", "render")
    get = ask(url)
    assert head.headers["content-length"] == get.headers["content-length"] == str(len(get.body))
    assert head.headers["etag"] == get.headers["etag"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "NONSENSE"])
def test_other_methods_are_refused(ask: Ask, shoe: Master, method: str) -> None:
    answer = ask(signed_path(shoe, {"w": "320"}), method=method, checked=False)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    assert json.loads(answer.body)["code"] == "method_not_allowed"
    assert answer.caching == "no-store"


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (BROWSER, "image/avif"),
        ("image/avif;q=0,image/webp,*/*", "image/webp"),
        ("image/avif;q=0.1,image/webp;q=0.2", "image/webp"),
        ("*/*", "image/jpeg"),
        ("", "image/jpeg"),
    ],
)
def test_negotiates_and_says_so(ask: Ask, shoe: Master, accept: str, content_type: str) -> None:
    url = signed_path(shoe, {"w": "320"})
    for tier in ("render", "memory"):
        answer = ask(url, HTTP_ACCEPT=accept)
        assert answer.headers["content-type"] == content_type
        assert answer.headers["vary"] == "Accept"
        assert answer.headers["x-cache"] == tier
        unchanged = ask(url, HTTP_ACCEPT=accept, HTTP_IF_NONE_MATCH=answer.headers["etag"])
        assert (unchanged.status, unchanged.headers["vary"]) == (304, "Accept")


def test_a_named_format_does_not_vary(ask: Ask, shoe: Master) -> None:
    url = signed_path(shoe, {"w": "320", "fm": "png"})
    for accept in ("image/avif", "*/*", ""):
        answer = ask(url, HTTP_ACCEPT=accept)
        assert (answer.headers["content-type"], answer.headers.get("vary")) == ("image/png", None)


def test_errors_of_negotiated_urls_vary_and_are_not_stored(ask: Ask, shoe: Master, renderer: Renderer) -> None:
    renderer.error = RenderFailed("Expected a picture, received a crash.")
    good = signed_path(shoe, {"w": "320"})
    for url, status in (
        (good, 422),
        (good + "x", 403),
        (signed("/i/nobody", "w=1"), 404),
        (forced("/i/products/shoe", "w=1e3"), 400),
        (signed("/i/products/shoe", "expires=1"), 410),
    ):
        answer = ask(url)
        assert (answer.status, answer.headers["vary"], answer.caching) == (status, "Accept", "no-store")
        assert answer.headers["content-type"] == "application/json"
        body = json.loads(answer.body)
        assert body.keys() == {"code", "message", "error"}
        assert body["message"] == body["error"]


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (Busy("The queue is full."), 503, "1"),
        (RenderTimeout("It took too long."), 504, None),
        (RenderFailed("It crashed."), 422, None),
    ],
)
def test_a_failed_render_has_its_status_and_the_next_request_works(
    ask: Ask, shoe: Master, renderer: Renderer, error: Exception, status: int, retry_after: str | None
) -> None:
    url = signed_path(shoe, {"w": "320"})
    renderer.error = error
    answer = ask(url)
    assert answer.status == status
    assert answer.headers.get("retry-after") == retry_after
    renderer.error = None
    assert ask(url).status == 200


def test_what_was_deleted_while_it_was_read_is_gone(ask: Ask, shoe: Master, renderer: Renderer) -> None:
    url = signed_path(shoe, {"w": "320"})
    renderer.error, renderer.before = StorageUnavailable("Its file is gone."), Master.objects.all().delete
    assert ask(url).status == 404
    assert len(renderer.calls) == 1


def test_what_was_replaced_while_it_was_read_is_what_it_is_by_now(ask: Ask, shoe: Master, renderer: Renderer) -> None:
    url = signed_path(shoe, {"w": "320"})
    sandal = master(name="sandal").blob
    sandal.save()

    def replace() -> None:
        renderer.before, renderer.error = (lambda: setattr(renderer, "error", None)), RenderFailed("Its file is gone.")
        Master.objects.filter(id=shoe.id).update(blob=sandal, revision=2)

    renderer.before = replace
    answer = ask(url)
    assert (answer.status, answer.headers["x-cache"]) == (200, "render")
    assert [key.digest for key in renderer.calls] == [shoe.blob.digest, sandal.digest]
    assert "immutable" not in answer.headers["cache-control"], "the URL says the revision of the first"


def test_only_the_current_revision_is_immutable(ask: Ask, shoe: Master) -> None:
    for v, caching in (
        (["v=1"], "public, max-age=31536000, immutable"),
        ([], "public, max-age=60, must-revalidate"),
        (["v=0"], "public, max-age=60, must-revalidate"),
        (["v=2"], "public, max-age=60, must-revalidate"),
    ):
        url = signed("/i/products/shoe", "w=320", *v)
        assert [ask(url).caching for _ in range(2)] == [caching] * 2, v


def test_an_expiring_url_is_private_and_lasts_no_longer_than_itself(ask: Ask, shoe: Master) -> None:
    url = signed_path(shoe, {"w": "320"}, expires_in_seconds=100)
    for _ in range(2):
        private, _, age = str(ask(url).caching).partition(", max-age=")
        assert private == "private"
        assert 90 <= int(age) <= 100


def test_the_time_a_render_takes_is_not_given_away(
    ask: Ask, shoe: Master, renderer: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [float(int(time.time()))]
    url = signed_path(shoe, {"w": "320"}, expires_in_seconds=100, now=now[0])
    monkeypatch.setattr("delivery.views.time.time", lambda: now[0])
    renderer.before = lambda: now.__setitem__(0, now[0] + 40)
    assert ask(url).caching == "private, max-age=60"


def test_safety_headers_stand_on_every_picture(ask: Ask, shoe: Master) -> None:
    for kind in ("avif", "webp", "jpg", "png", "gif"):
        url = signed_path(shoe, {"w": "320", "fm": kind})
        for headers in ({}, {}, {"HTTP_IF_NONE_MATCH": "*"}):
            answer = ask(url, **headers)
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
            assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
            assert answer.headers["access-control-allow-origin"] == "*"


def test_cors_can_be_turned_off(ask: Ask, shoe: Master) -> None:
    configure(delivery_cors_origin="")
    respond.cors.cache_clear()
    assert "access-control-allow-origin" not in ask(signed_path(shoe, {"w": "320"})).headers


def test_no_cookie_is_set(ask: Ask, shoe: Master) -> None:
    assert "set-cookie" not in ask(signed_path(shoe, {"w": "320"})).headers


@pytest.mark.parametrize("of_origin", ["master", "watermark"])
def test_the_edge_leaves_to_django_what_an_origin_must_be_asked_about(
    ask: Ask, shoe: Master, of_origin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    logo = saved(master("logo", key="logo"))
    due = timezone.now() + timedelta(hours=1)
    monkeypatch.setattr("assets.masters.recent_master", lambda found: found)
    Master.objects.filter(id=(shoe if of_origin == "master" else logo).id).update(
        key=None, origin="shop", origin_path="a.jpg", checked_at=timezone.now(), recheck_at=due
    )
    shoe.refresh_from_db()
    logo.refresh_from_db()
    ask(signed_path(shoe, {"w": "320", "mark": logo.reference}))
    [hit] = HITS._hits.values()
    assert hit.ask_again_at == due.timestamp()


def test_a_master_has_its_id_its_key_and_a_decorative_name(ask: Ask, shoe: Master) -> None:
    bodies = {
        ask(signed(path, "w=320", "fm=webp")).body
        for path in ("/i/products/shoe", f"/i/{shoe.id}", f"/i/{shoe.id.hex}", "/i/products/shoe/Red-Shoe_1.webp")
    }
    assert len(bodies) == 1
    for path in ("/i/products", "/i/products/shoe/red", "/i/", "/i/products/shoe/", "/i/shoe", "/i/Products/shoe"):
        answer = ask(signed(path, "w=320"))
        assert (answer.status, json.loads(answer.body)["code"]) == (404, "not_found"), path


def test_a_second_url_of_the_same_variant_is_no_second_render(ask: Ask, shoe: Master, renderer: Renderer) -> None:
    tiers = [
        ask(signed("/i/products/shoe", *pairs)).headers["x-cache"]
        for pairs in (
            ["w=320", "fm=webp"],
            ["fm=webp", "w=310"],
            ["fm=webp", "v=1", "width=320"],
            ["expires=9999999999", "fm=webp", "w=160", "dpr=2"],
        )
    ]
    assert tiers == ["render", "memory", "memory", "memory"]
    assert len(renderer.calls) == 1


def test_our_own_cdn_hears_when_to_ask_again_from_each_answer(ask: Ask, shoe: Master) -> None:
    url = signed_path(shoe, {"w": "320"})
    first = ask(url)
    unchanged = ask(url, HTTP_IF_NONE_MATCH=first.headers["etag"])
    assert (first.status, unchanged.status) == (200, 304)
    assert [answer.headers["x-accel-expires"] for answer in (first, ask(url), unchanged)] == ["50"] * 3
    assert "x-accel-expires" not in ask(signed_path(shoe, {"w": "320"}, expires_in_seconds=60)).headers


def test_renders_are_limited_by_address_and_hits_are_not(ask: Ask, shoe: Master) -> None:
    configure(delivery_miss_rate=0.01, delivery_miss_burst=2)
    urls = [signed_path(shoe, {"w": width}) for width in ("320", "640", "960")]
    answers = [ask(url) for url in urls]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert int(answers[2].headers["retry-after"]) >= 1
    assert json.loads(answers[2].body)["code"] == "rate_limited"
    assert [ask(url).status for url in urls * 3] == [200, 200, 429] * 3
    service().memory.purge(shoe.blob.digest)
    assert ask(urls[0]).headers["x-cache"] == "storage", "what is only slow is not limited either"
    assert ask(urls[2], REMOTE_ADDR="10.1.2.3").status == 200


def test_a_url_signed_with_the_new_or_the_old_key_works(ask: Ask, shoe: Master, settings: Any) -> None:
    new = SigningKey("new", b"n" * 32)
    settings.IMGOPT_SIGNING_KEYS = ((new.kid, new.secret.hex()), *settings.IMGOPT_SIGNING_KEYS)
    keyring.refresh()
    assert [ask(signed("/i/products/shoe", "w=320", by=key)).status for key in (new, KEY)] == [200, 200]
    assert "s=new." in signed_path(shoe, {"w": "320"})
    settings.IMGOPT_SIGNING_KEYS = ((new.kid, new.secret.hex()),)
    keyring.refresh()
    assert [ask(signed("/i/products/shoe", "w=320", by=key)).status for key in (new, KEY)] == [200, 403]


def test_the_masters_storage_being_away_is_a_503(ask: Ask, db: None) -> None:
    """A row without a file stands for a storage that does not answer."""
    lost = saved(master(key="lost"))
    answer = ask(signed_path(lost, {"w": "320"}))
    assert (answer.status, json.loads(answer.body)["code"]) == (503, "storage_unavailable")
    assert answer.headers["retry-after"]


def test_a_real_picture_comes_out(ask: Ask, db: None) -> None:
    photo = images.encoded(images.quadrants(640, 480), "jpeg")
    info = master(key="real", name="real", width=640, height=480, **bytes_of(photo))
    saved(info)
    storages["masters"].save(info.blob.storage_name, ContentFile(photo))
    answer = ask(signed_path(info, {"w": "160", "fm": "webp"}))
    assert (answer.status, answer.headers["x-cache"]) == (200, "render")
    assert images.opened(answer.body).size == (160, 120)
    assert images.are_near(images.corners_of(answer.body), [images.RED, images.GREEN, images.BLUE, images.YELLOW])
    timing = {phase.partition(";")[0] for phase in answer.headers["server-timing"].split(", ")}
    assert {"decode", "encode", "render", "store", "total"} <= timing
    assert render_pool().running == 0
