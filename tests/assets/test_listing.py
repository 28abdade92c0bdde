"""`GET /api/v1/images`: filters by what is known of the picture, ordering, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from assets.listing import FILTERS, ORDERINGS, OTHERS
from assets.models import Blob, Master
from tests.assets.caller import IMAGES, Caller, names_of, problem

pytestmark = pytest.mark.django_db


def stored(name: str, *, key: str | None = None, created_at: str = "2026-05-01T12:00:00", **fields: Any) -> Master:
    """This will store rows alone: lists look at nothing else."""
    number = Blob.objects.count()
    facts = {"byte_size": 1, "format": "jpeg", "width": 100, "height": 100, "digest": f"{number:064}", **fields}
    master = Master.objects.create(blob=Blob.objects.create(**facts), original_name=name, key=key)
    moment = datetime.fromisoformat(created_at).replace(tzinfo=UTC)
    Master.objects.filter(id=master.id).update(created_at=moment, updated_at=moment)
    return master


@pytest.fixture
def shelf(caller: Caller) -> Caller:
    stored("wide", width=4000, height=1000, byte_size=50, key="c", created_at="2026-05-01T00:00:00")
    stored("tall", width=1000, height=4000, byte_size=90, key="a", format="png", has_alpha=True,
           created_at="2026-05-02T10:00:00")  # fmt: skip
    stored("moving", width=320, height=200, byte_size=70, format="gif", pages=9, created_at="2026-05-03T00:00:00")
    stored("scan", width=320, height=200, byte_size=10, format="tiff", pages=3, key="b", is_srgb=False,
           profile="Display P3", created_at="2026-05-04T00:00:00")  # fmt: skip
    return caller


def found(caller: Caller, **query: str) -> list[str]:
    answer = caller.get(f"{IMAGES}?{urlencode(query)}")
    assert answer.status_code == 200, answer.content
    return names_of(answer.json()["results"])


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"minWidth": "1000"}, ["tall", "wide"]),
        ({"minWidth": "1001"}, ["wide"]),
        ({"maxWidth": "320"}, ["scan", "moving"]),
        ({"maxWidth": "319"}, []),
        ({"minHeight": "1000"}, ["tall", "wide"]),
        ({"maxHeight": "999"}, ["scan", "moving"]),
        ({"minWidth": "300", "maxWidth": "1000", "maxHeight": "200"}, ["scan", "moving"]),
        ({"hasAlpha": "true"}, ["tall"]),
        ({"hasAlpha": "false"}, ["scan", "moving", "wide"]),
        ({"isSrgb": "false"}, ["scan"]),
        ({"animated": "true"}, ["moving"]),
        ({"animated": "false"}, ["scan", "tall", "wide"]),
        ({"profile": "display"}, ["scan"]),
        ({"profile": ""}, ["scan", "moving", "tall", "wide"]),
        ({"createdAfter": "2026-05-02"}, ["scan", "moving", "tall"]),
        ({"createdAfter": "2026-05-02T10:00:00Z"}, ["scan", "moving", "tall"]),
        ({"createdAfter": "2026-05-02T10:00:01Z"}, ["scan", "moving"]),
        ({"createdAfter": "2026-05-02T11:00:00+01:00"}, ["scan", "moving", "tall"]),
        ({"createdBefore": "2026-05-03"}, ["tall", "wide"]),
        ({"createdAfter": "2026-05-02", "createdBefore": "2026-05-03"}, ["tall"]),
        ({"createdBefore": "0001-01-01"}, []),
        ({"createdAfter": "9999-12-31T23:59:59Z"}, []),
        ({"format": "gif", "animated": "true", "maxWidth": "320"}, ["moving"]),
    ],
)
def test_narrows_by_what_is_known_of_the_picture(shelf: Caller, query: dict[str, str], names: list[str]) -> None:
    assert found(shelf, **query) == names


@pytest.mark.parametrize(
    ("ordering", "names"),
    [
        ("createdAt", ["wide", "tall", "moving", "scan"]),
        ("-createdAt", ["scan", "moving", "tall", "wide"]),
        ("updatedAt", ["wide", "tall", "moving", "scan"]),
        ("key", ["tall", "scan", "wide", "moving"]),
        ("-key", ["wide", "scan", "tall", "moving"]),
        ("originalName", ["moving", "scan", "tall", "wide"]),
        ("byteSize", ["scan", "wide", "moving", "tall"]),
        ("-width,createdAt", ["wide", "tall", "moving", "scan"]),
        ("height,-byteSize", ["moving", "scan", "wide", "tall"]),
        ("width", ["moving", "scan", "tall", "wide"]),
        ("-width", ["wide", "tall", "scan", "moving"]),
    ],
)
def test_orders_by_one_or_several_and_then_by_id(shelf: Caller, ordering: str, names: list[str]) -> None:
    assert found(shelf, ordering=ordering) == names


def test_equal_masters_keep_their_places_from_page_to_page(caller: Caller) -> None:
    for number in range(7):
        stored(f"same_{number}")
    for ordering in ("width", "-byteSize,height"):
        pages = [found(caller, ordering=ordering, limit="2", offset=str(offset)) for offset in (0, 2, 4, 6)]
        assert len({name for page in pages for name in page}) == 7


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        *[(name, ("-1", "1.5", "abc", "", "1000000001", "9" * 40, "１"), "an integer from 0 to 1000000000")
          for name in ("minWidth", "maxWidth", "minHeight", "maxHeight")],
        *[(name, ("yes", "1", "TRUE", ""), "true or false") for name in ("hasAlpha", "isSrgb", "animated")],
        *[(name, ("today", "2026-13-01", "2026-02-30", "2026-05-01T25:00:00Z", "", "0001-01-01T00:00:00+23:59",
                  "9999-12-31T23:59:59-23:59", "x" * 300), "a date or time such as")
          for name in ("createdAfter", "createdBefore")],
        ("format", ("json", "JPEG", "jpg", "jpeg,png"), "one of jpeg, png, webp, avif, gif, tiff, bmp, ico"),
        ("ordering", ("", "size", "createdAt,", "--width", "width,-width", "blob__width", "id", "x" * 300), "some of"),
    ],
)  # fmt: skip
def test_refuses_in_one_sentence_what_cannot_be_read(
    caller: Caller, name: str, values: tuple[str, ...], words: str
) -> None:
    for value in values:
        status, code, sentence = problem(caller.get(f"{IMAGES}?{name}={quote(value)}"))
        assert (status, code) == (400, "bad_parameter"), value
        assert sentence.startswith(f"Expected {words}"), sentence
        assert f"for {name}, received" in sentence.replace("descending, for", "descending for")


@pytest.mark.parametrize(
    ("unknown", "meant"),
    [("serach", "search"), ("min_width", "minWidth"), ("created_after", "createdAfter"), ("page", None), ("q", None)],
)
def test_refuses_what_it_does_not_know_and_says_what_was_meant(caller: Caller, unknown: str, meant: str | None) -> None:
    status, code, sentence = problem(caller.get(f"{IMAGES}?{unknown}=1"))
    assert (status, code) == (400, "bad_parameter")
    assert f"received '{unknown}'" in sentence
    assert sentence.endswith(f": did you mean {meant}?" if meant else ".")


def test_refuses_a_filter_that_is_given_twice(caller: Caller) -> None:
    status, _, sentence = problem(caller.get(f"{IMAGES}?tag=a&tag=b"))
    assert (status, sentence) == (400, "Expected tag once, received it 2 times.")


@pytest.mark.parametrize("name", [*FILTERS, *OTHERS])
def test_every_parameter_is_in_the_api_document(name: str) -> None:
    from tests.assets.test_documents import API

    section = API.split("## List and search")[1].split("\n## ")[0]
    assert f"`{name}`" in section


def test_every_ordering_is_in_the_api_document() -> None:
    from tests.assets.test_documents import API

    section = API.split("## List and search")[1].split("\n## ")[0]
    assert all(f"`{name}`" in section for name in ORDERINGS)
