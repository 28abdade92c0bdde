"""`GET /api/v1/images`: list, search, filters, pages."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries, Settings

from tests.assets.caller import IMAGES, Caller, names_of, photo, problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(caller: Caller) -> Caller:
    """Four masters: the newest is listed first."""
    caller.upload(photo("png"), "red_shoe.png", "shop/shoe/red")
    caller.upload(photo("gif"), "blue_shoe.gif", "shop/shoe/blue")
    hat = caller.upload(photo(), "hat.jpg", "shop/hat")
    caller.upload(photo(), "100%_wool.jpg")
    caller.patch(hat["id"], {"tags": ["summer", "sale"]})
    return caller


def listed(caller: Caller, **query: str) -> list[str]:
    text = "&".join(f"{name}={quote(value)}" for name, value in query.items())
    answer = caller.get(f"{IMAGES}?{text}")
    assert answer.status_code == 200, answer.content
    return names_of(answer.json()["results"])


def test_lists_the_newest_first_with_all_that_is_known(shop: Caller) -> None:
    answer = shop.get(IMAGES)
    assert answer["Content-Type"] == "application/json"
    body = answer.json()
    assert (body["count"], body["next"], body["previous"]) == (4, None, None)
    assert names_of(body["results"]) == ["100_wool", "hat", "blue_shoe", "red_shoe"]
    made = {"createdAt": 0, "updatedAt": 0, "id": 0, "digest": 0, "placeholder": 0, "blurhash": 0, "dominantColour": 0}
    assert body["results"][1] | made == {
        "originalName": "hat", "format": "jpeg", "width": 48, "height": 36, "byteSize": len(photo()),
        "key": "shop/hat", "origin": None, "revision": 1, "focalX": None, "focalY": None, "tags": ["summer", "sale"],
        "orientation": 1, "pages": 1, "hasAlpha": False, "bitDepth": 8, "colourSpace": "rgb", "profile": "",
        "isSrgb": True, **made,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"search": "shoe"}, ["blue_shoe", "red_shoe"]),
        ({"search": "SHOE/R"}, ["red_shoe"]),
        ({"search": "wool"}, ["100_wool"]),
        ({"search": "%"}, []),
        ({"search": "d_s"}, ["red_shoe"]),
        ({"search": "' OR 1=1 --"}, []),
        ({"prefix": "shop/"}, ["hat", "blue_shoe", "red_shoe"]),
        ({"prefix": "shop/shoe"}, ["blue_shoe", "red_shoe"]),
        ({"prefix": "shoe"}, []),
        ({"prefix": "shop%"}, []),
        ({"tag": "sale"}, ["hat"]),
        ({"tag": "sal"}, []),
        ({"format": "jpeg"}, ["100_wool", "hat"]),
        ({"format": "gif"}, ["blue_shoe"]),
        ({"format": "png", "prefix": "shop/", "search": "red"}, ["red_shoe"]),
        ({"search": ""}, ["100_wool", "hat", "blue_shoe", "red_shoe"]),
    ],
)
def test_finds_what_is_asked_for(shop: Caller, query: dict[str, str], found: list[str]) -> None:
    assert listed(shop, **query) == found


@pytest.mark.parametrize("name", ["search", "prefix", "tag", "profile"])
@pytest.mark.parametrize("value", ["x" * 201, "a\x00b"])
def test_refuses_filters_that_a_database_would_choke_on(caller: Caller, name: str, value: str) -> None:
    with CaptureQueriesContext(connection) as queries:
        status, code, sentence = problem(caller.get(f"{IMAGES}?{name}={quote(value)}"))
    assert (status, code) == (400, "bad_parameter")
    assert f"for {name}" in sentence
    assert not [query for query in queries if "assets_master" in query["sql"]]


def test_pages_link_to_each_other_at_the_public_address(shop: Caller, settings: Settings) -> None:
    settings.IMGOPT_PUBLIC_URL = "https://images.example.com"
    seen: list[Any] = []
    answer = shop.get(f"{IMAGES}?limit=3&search=o").json()
    while True:
        seen += names_of(answer["results"])
        if not answer["next"]:
            break
        assert answer["next"].startswith("https://images.example.com/api/v1/images?")
        parts = urlsplit(answer["next"])
        answer = shop.get(f"{parts.path}?{parts.query}").json()
    assert seen == ["100_wool", "hat", "blue_shoe", "red_shoe"]
    assert answer["previous"].startswith("https://images.example.com/api/v1/images?")


def test_a_page_beyond_the_end_is_empty(shop: Caller) -> None:
    assert listed(shop, limit="2", offset="100") == []


@pytest.mark.parametrize(
    ("query", "words"),
    [
        *[(f"limit={value}", "1 to 500 for limit") for value in ("0", "-1", "501", "a", "", "1e3", "１", "9" * 30)],
        *[(f"offset={value}", "0 to 1000000000 for offset") for value in ("-1", "abc", "", "9" * 30, "1000000001")],
    ],
)  # fmt: skip
def test_refuses_pages_that_cannot_be(caller: Caller, query: str, words: str) -> None:
    status, code, sentence = problem(caller.get(f"{IMAGES}?{query}"))
    assert (status, code) == (400, "bad_parameter")
    assert words in sentence


def test_the_number_of_queries_does_not_grow_with_the_list(
    shop: Caller, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for limit in (1, 4):
        # The key, the count, the masters with their blobs, the tags of all of them.
        with django_assert_num_queries(4):
            shop.get(f"{IMAGES}?limit={limit}&ordering=-width&minWidth=1")


@pytest.mark.parametrize("accept", ["image/png", "text/html", "image/avif,image/webp,*/*;q=0.8", "nonsense", ""])
def test_answers_json_whatever_is_accepted(caller: Caller, accept: str) -> None:
    answer = caller.get(IMAGES, Accept=accept)
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
