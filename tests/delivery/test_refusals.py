"""Bad URLs are refused before parser, storage, database or renderer are touched, and never with a 500."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from assets.errors import MasterNotFound
from delivery.edge import Edge
from delivery.tiers.memory import MemoryTier
from tests.delivery.world import KEY, Answer, Untouchable, call, forced, raiser, signed

Ask = Callable[..., Answer]
# No test here has the database: pytest-django makes any use of it an error.

GOOD = signed("/i/shoe/red.webp", "w=320", "v=1")
PATH, _, QUERY = GOOD.partition("?")
S = QUERY.rpartition("&")[2]


@pytest.fixture
def nothing_behind(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind the signature and the parser everything is a raiser, once the application is put together."""
    monkeypatch.setattr("delivery.recent.get_master", raiser("the database"))
    monkeypatch.setattr("delivery.views.service", raiser("the tiers"))
    monkeypatch.setattr("delivery.views.admit_ip", raiser("the limits"))
    monkeypatch.setattr("delivery.rendering.render_pool", raiser("the render pool"))
    monkeypatch.setattr("delivery.tiers.current.storages", Untouchable("the storages"))
    monkeypatch.setattr("assets.blobs.storages", Untouchable("the storages"))
    monkeypatch.setattr("django.db.backends.base.base.BaseDatabaseWrapper.ensure_connection", raiser("the database"))


@pytest.fixture
def no_parser(nothing_behind: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("delivery.asked.parse", raiser("the parser"))
    monkeypatch.setattr("delivery.asked.unquote_to_bytes", raiser("the decoder"))
    monkeypatch.setattr("delivery.views.accepted_formats", raiser("the negotiation"))


BEFORE_THE_PARSER: dict[str, tuple[str, int]] = {
    "unsigned": (f"{PATH}?w=320&v=1", 403),
    "no query": (PATH, 403),
    "nonsense": (f"{PATH}?%%%&&==&\x01", 403),
    "wrong signature": (f"{PATH}?w=320&v=1&s=test1.{'A' * 43}", 403),
    "another URL's signature": (f"/i/boot?{QUERY}", 403),
    "truncated signature": (GOOD[:-1], 403),
    "no mac": (f"{PATH}?w=320&v=1&s=test1.", 403),
    "empty signature": (f"{PATH}?w=320&v=1&s=", 403),
    "unknown key": (GOOD.replace("s=test1", "s=test2"), 403),
    "repeated signature": (f"{GOOD}&{S}", 403),
    "padded signature": (f"{GOOD}=", 403),
    "non-ASCII signature": (f"{PATH}?w=320&v=1&s=test1.é", 403),
    "non-ASCII path": (f"/i/sch\xc3\xb6n?{QUERY}", 403),
    "changed parameter": (GOOD.replace("w=320", "w=321"), 403),
    "changed to nonsense": (GOOD.replace("w=320", "w=1e3"), 403),
    "trailing &": (f"{GOOD}&", 403),
    "a pair moved into the path": (GOOD.replace("?v=1&", "\nv=1?"), 403),
    "repeated parameter": (f"{GOOD}&w=320", 400),
    "repeated expiry": (f"{signed(PATH, 'expires=1')}&expires=9999999999", 400),
    "10 kB of query": (f"{PATH}?w={'1' * 10_000}&{S}", 400),
    "10 kB signed": (forced(PATH, f"w={'1' * 10_000}"), 400),
    "expired": (signed(PATH, "expires=1", "w=320"), 410),
    "expired and nonsense": (signed(PATH, "expires=1", "w=1e3"), 410),
    "nonsensical expiry": (forced(PATH, "expires=soon", "w=320"), 400),
    "a pair without a value": (forced(PATH, "w"), 400),
    "an empty pair": (forced(PATH, "", "w=320"), 400),
    "a control character in a signed path": (forced("/i/a\x00b", "w=320"), 403),
}


@pytest.mark.parametrize(("url", "status"), BEFORE_THE_PARSER.values(), ids=list(BEFORE_THE_PARSER))
@pytest.mark.usefixtures("no_parser")
def test_a_bad_url_is_refused_before_anything_looks_into_it(ask: Ask, url: str, status: int) -> None:
    for _ in range(2):
        assert_refused(ask(url), status)


def assert_refused(answer: Answer, status: int) -> None:
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/json"
    assert (answer.caching, answer.headers["vary"]) == ("no-store", "Accept")
    body = json.loads(answer.body)
    assert body["code"] in {403: {"bad_signature"}, 400: {"bad_parameter"}, 410: {"expired"}}[status]
    assert 10 < len(body["message"]) < 250, "one sentence, that does not repeat ten kilobytes"
    assert body["message"] == body["error"]


def test_the_good_url_runs_into_a_raiser(ask: Ask, nothing_behind: None) -> None:
    assert ask(GOOD).status == 500


SIGNED_NONSENSE: dict[str, list[str]] = {
    "unknown": ["x=1"],
    "unknown besides a good one": ["w=320", "widht=3"],
    "empty": ["w="],
    "exponent": ["w=1e3"],
    "full-width digits": ["w=%EF%BC%91%EF%BC%92"],
    "Arabic digits": ["w=%D9%A1"],
    "superscript": ["w=%C2%B2"],
    "a long number": ["w=" + "1" * 4000],
    "a long name": ["w" * 4000 + "=1"],
    "zero": ["w=0"],
    "negative": ["w=-1"],
    "sign": ["w=+1"],
    "space": ["w=%201"],
    "underscore": ["w=1_0"],
    "null": ["w=%00"],
    "line feed": ["w=1%0A"],
    "out of range": ["w=9999"],
    "an alias besides its name": ["w=320", "width=320"],
    "an encoded twin": ["w=320", "%77=640"],
    "an encoded expiry": ["%65xpires=1", "w=320"],
    "an encoded signature": ["%73=1", "w=320"],
    "no UTF-8": ["bg=%FF"],
    "an unknown format": ["fm=exe"],
    "a format out of the path": ["fm=../../etc/passwd"],
    "not a number": ["fp-x=nan"],
    "infinite": ["dpr=inf"],
    "a revision that is none": ["v=x"],
    "a long revision": ["v=" + "1" * 4000],
    "a large dpr": ["dpr=99999999999999999999"],
    "no name": ["=1"],
}


@pytest.mark.parametrize("pairs", SIGNED_NONSENSE.values(), ids=list(SIGNED_NONSENSE))
@pytest.mark.usefixtures("nothing_behind")
def test_signed_nonsense_is_refused_before_storage_database_and_renderer(ask: Ask, pairs: list[str]) -> None:
    assert_refused(ask(forced("/i/shoe", *pairs)), 400)


@pytest.fixture(scope="module")
def fuzzed(django_application: WSGIHandler) -> Edge:
    return Edge(django_application, MemoryTier(1000), places=2)


@pytest.fixture(autouse=True)
def _no_master(monkeypatch: pytest.MonkeyPatch) -> None:
    def get_master(_reference: str) -> Any:
        raise MasterNotFound

    monkeypatch.setattr("delivery.recent.get_master", get_master)


NAMES = st.sampled_from(
    ["w", "h", "fit", "crop", "rect", "ar", "dpr", "bg", "fm", "q", "v", "expires", "s", "auto", "%77"]
)
ASCII = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)
HEADERS = st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=60)
QUERIES = st.one_of(
    st.text(st.characters(max_codepoint=255), max_size=80),
    st.lists(st.builds("{}={}".format, NAMES, ASCII), max_size=5).map("&".join),
)
FEW = hypothesis_settings(max_examples=60, deadline=None)


@FEW
@given(path=st.text(st.characters(max_codepoint=255), max_size=30), query=QUERIES, accept=HEADERS, etag=HEADERS)
@example(path="\xff", query="\xff=\xff&s=\xff", accept="\xff", etag="\xff")
def test_no_unsigned_request_is_a_500(fuzzed: Edge, path: str, query: str, accept: str, etag: str) -> None:
    # What a server hands on stands in Latin-1, and a question mark cannot be in a path.
    target = f"/i/{path.replace('?', '')}?{query}"
    answer = call(fuzzed, target, checked=False, HTTP_ACCEPT=accept, HTTP_IF_NONE_MATCH=etag)
    assert answer.status in {400, 403}


@FEW
@given(
    pairs=st.lists(st.builds("{}={}".format, NAMES | ASCII, ASCII), max_size=4),
    path=st.text("abc/.~-_0", max_size=12),
    accept=HEADERS,
    etag=HEADERS,
)
def test_no_signed_request_is_a_500(fuzzed: Edge, pairs: list[str], path: str, accept: str, etag: str) -> None:
    target = forced(f"/i/{path}", *pairs, by=KEY)
    answer = call(fuzzed, target, checked=False, HTTP_ACCEPT=accept, HTTP_IF_NONE_MATCH=etag)
    assert answer.status in {400, 403, 404, 410}


@FEW
@given(host=HEADERS, forwarded=HEADERS, method=st.sampled_from(["GET", "HEAD", "POST", "FOO", "get"]))
def test_no_header_is_a_500(fuzzed: Edge, host: str, forwarded: str, method: str) -> None:
    answer = call(
        fuzzed, GOOD, checked=False, method=method, HTTP_HOST=host, HTTP_X_FORWARDED_FOR=forwarded, HTTP_RANGE=host
    )
    assert answer.status in {400, 404, 405}
