"""`deploy/nginx.conf` under a real nginx: what is kept, for whom and for how long."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from tests.deploy.front import AVIF, Answer, Front, asked, tell
from tests.deploy.origin import DRAFT, YEAR, Asked, Origin, Told, image
from tests.waiting import wait_until

pytestmark = pytest.mark.services

WEBP = "image/webp,*/*"
# As browsers, libraries and people write it.
SPELLINGS = {
    AVIF: "avif",
    "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5": "avif",
    "IMAGE/AVIF, image/webp": "avif",
    "text/html,image/avif ;q=0.9": "avif",
    WEBP: "webp",
    "image/webp,image/apng,image/*,*/*;q=0.8": "webp",
    "image/avif;q=0,image/webp": "webp",
    "*/*": "",
    "image/png,image/*;q=0.8": "",
    "image/avif;q=0.000, image/webp; q=0, image/x-avif, */*": "",
}


def test_ten_spellings_of_accept_are_three_entries(front: Front, origins: list[Origin]) -> None:
    def by_class(request: Asked) -> Told:
        return image(request.headers["accept"].partition(",")[0].replace("/", "-").encode())

    tell(origins, by_class)
    bodies = {accept: front.ask("/i/a?s=1", accept).body for accept in SPELLINGS}
    kinds = {"avif": b"image-avif", "webp": b"image-webp", "": b"*-*"}
    assert bodies == {accept: kinds[kind] for accept, kind in SPELLINGS.items()}
    assert len(asked(origins)) == 3
    again = front.ask("/i/a?s=1", "image/webp,image/png")
    assert (again.tier, again.headers["vary"]) == ("cdn", "Accept")


def test_a_hit_says_cdn_and_nothing_of_the_request_that_filled_it(front: Front) -> None:
    first = front.ask("/i/a?s=1", X_Request_ID="first")
    hit = front.ask("/i/a?s=1", X_Request_ID="second")
    assert (first.tier, first.headers["x-request-id"], first.headers["server-timing"]) == (
        "render", "first", "total;dur=500",
    )  # fmt: skip
    assert (hit.tier, hit.headers["x-request-id"], hit.headers["server-timing"]) == ("cdn", "second", "cdn;desc=HIT")
    assert (hit.body, hit.headers["cache-control"], hit.headers["etag"]) == (b"picture", YEAR, '"picture"')


def test_a_revisioned_url_is_kept_and_answered_without_the_servers(front: Front, origins: list[Origin]) -> None:
    front.ask("/i/a?v=1&s=1")
    for each in origins:
        each.close()
    assert front.ask("/i/a?v=1&s=1").tier == "cdn"
    assert front.ask("/i/a?v=1&s=1", If_None_Match='"picture"').status == 304
    assert len(asked(origins)) == 1


def test_what_is_due_is_compared_with_a_304_and_sent_from_here(front: Front, origins: list[Origin]) -> None:
    tell(origins, image(X_Accel_Expires="1"))
    front.ask("/i/a?s=1")
    wait_until(lambda: front.ask("/i/a?s=1").headers["server-timing"] == "cdn;desc=REVALIDATED")
    assert [each.headers.get("if-none-match") for each in asked(origins)] == [None, '"picture"']
    assert "x-accel-expires" not in front.ask("/i/a?s=1").headers


def test_what_is_refused_when_it_is_due_is_gone_at_once(front: Front, origins: list[Origin]) -> None:
    """A revoked key; and a server that is away afterwards does not bring it back."""
    tell(origins, image(X_Accel_Expires="1"))
    front.ask("/i/a?s=1")
    tell(origins, Told(403, b'{"code":"bad_signature"}', {"Cache-Control": "no-store"}))
    wait_until(lambda: front.ask("/i/a?s=1").status == 403)
    with ThreadPoolExecutor(20) as threads:
        statuses = {each.status for each in threads.map(front.ask, ["/i/a?s=1"] * 40)}
    assert statuses == {403}


def test_nothing_old_is_shown_while_it_is_being_compared(front: Front, origins: list[Origin]) -> None:
    """Neither a draft whose final is there, nor what a revoked key has signed."""
    tell(origins, image(b"draft", "public, max-age=1"))
    front.ask("/i/a?s=1")
    wait_until(lambda: front.ask("/i/a?s=1").headers["server-timing"] != "cdn;desc=HIT")

    def late(_: Asked) -> Told:
        time.sleep(1)
        return image(b"final")

    tell(origins, image(b"draft", "public, max-age=1"))
    front.ask("/i/a?s=1")
    time.sleep(2.1)  # the only way to let nginx's clock pass the draft's second
    tell(origins, late)
    with ThreadPoolExecutor(8) as threads:
        bodies = {each.body for each in threads.map(front.ask, ["/i/a?s=1"] * 8)}
    assert bodies == {b"final"}


def test_a_draft_is_kept_for_its_two_seconds_only(front: Front, origins: list[Origin]) -> None:
    tell(origins, image(b"draft", DRAFT))
    assert front.ask("/i/a?s=1").body == b"draft"
    tell(origins, image(b"final"))
    began = time.monotonic()
    wait_until(lambda: front.ask("/i/a?s=1").body == b"final")
    assert time.monotonic() - began < 10
    assert len(asked(origins)) == 2


@pytest.mark.parametrize("status", [400, 403, 404, 410, 422, 429, 503])
def test_errors_are_not_kept(front: Front, origins: list[Origin], status: int) -> None:
    tell(origins, Told(status, b'{"code":"x"}', {"Cache-Control": "no-store", "Content-Type": "application/json"}))
    first, second = front.ask("/i/a?s=1"), front.ask("/i/a?s=1")
    assert (first.status, second.status, second.body) == (status, status, b'{"code":"x"}')
    assert len(asked(origins)) == 2


@pytest.mark.parametrize("cache_control", ["private, max-age=600", YEAR])
def test_urls_that_expire_are_never_kept_whatever_the_server_says(
    front: Front, origins: list[Origin], cache_control: str
) -> None:
    tell(origins, image(cache_control=cache_control))
    target = "/i/a?expires=9999999999&s=1"
    assert [front.ask(target).tier for _ in range(3)] == ["render"] * 3
    assert len(asked(origins)) == 3


def test_what_is_private_is_never_kept(front: Front, origins: list[Origin]) -> None:
    tell(origins, image(cache_control="private, max-age=600"))
    assert [front.ask("/i/a?s=1").tier for _ in range(2)] == ["render"] * 2


def test_fifty_who_miss_together_are_one_request(front: Front, origins: list[Origin]) -> None:
    def slow(_: Asked) -> Told:
        time.sleep(0.3)
        return image()

    tell(origins, slow)
    together = Barrier(50)

    def one(_: int) -> Answer:
        together.wait()
        return front.ask("/i/a?s=1")

    with ThreadPoolExecutor(50) as threads:
        found = list(threads.map(one, range(50)))
    assert {each.status for each in found} == {200}
    assert len(asked(origins)) == 1
    assert sorted({str(each.tier) for each in found}) == ["cdn", "render"]


def test_it_answers_from_what_it_has_while_no_server_does(front: Front, origins: list[Origin]) -> None:
    tell(origins, image(X_Accel_Expires="1"))
    front.ask("/i/a?s=1")
    for each in origins:
        each.close()
    wait_until(lambda: front.ask("/i/a?s=1").headers["server-timing"] == "cdn;desc=STALE")
    stale = front.ask("/i/a?s=1")
    assert (stale.status, stale.tier, stale.body) == (200, "cdn", b"picture")
    unknown = front.ask("/i/b?s=1")
    assert (unknown.status, json.loads(unknown.body)["code"]) == (503, "unavailable")
    assert (unknown.headers["retry-after"], unknown.headers["cache-control"]) == ("2", "no-store")


def test_a_server_that_is_busy_is_spared_where_there_is_something_to_show(front: Front, origins: list[Origin]) -> None:
    tell(origins, image(X_Accel_Expires="1"))
    front.ask("/i/a?s=1")
    tell(origins, Told(503, b"busy", {"Cache-Control": "no-store"}))
    wait_until(lambda: front.ask("/i/a?s=1").headers["server-timing"] == "cdn;desc=STALE")


@pytest.mark.parametrize("query", ["w=auto", "fm=webp&width=auto:320,640", "dpr=auto", "preset=hero"])
def test_hints_are_part_of_what_an_auto_url_asks_for(front: Front, query: str) -> None:
    """A preset may say `auto` as well."""
    assert [hinted(front, query, width) for width in ("320", "640", "320")] == ["render", "render", "cdn"]


@pytest.mark.parametrize("query", ["w=100", "q=auto", "bg=auto&dpr=2"])
def test_other_urls_ignore_them(front: Front, query: str) -> None:
    assert [hinted(front, query, width) for width in ("320", "640", "320")] == ["render", "cdn", "cdn"]


def hinted(front: Front, query: str, width: str) -> str | None:
    return front.ask(f"/i/a?{query}&s=1", Sec_CH_Width=width).tier
