"""Calls over HTTP, answered by the views of `tests/apikeys/urls.py`. The error handler is the project's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from apikeys import admission, service, tokens
from apikeys.admission import RightDigests
from apikeys.models import ApiKey
from apikeys.service import IssuedKey

Issue = Callable[..., IssuedKey]
BURST = 3
UNKNOWN = f"imgo_live_{'0' * 8}_{'0' * 43}"


@pytest.fixture
def api(db: None) -> Client:
    return Client()


@pytest.fixture
def right_digests(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A process that knows no key yet, with a clock that the test moves."""
    now = [0.0]
    monkeypatch.setattr(admission, "RIGHT_DIGESTS", RightDigests(lambda: now[0]))
    return now


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def codes(ask: Callable[[], Any], calls: int) -> list[int]:
    return [ask().status_code for _ in range(calls)]


@pytest.mark.parametrize("header", ["Authorization: Bearer {}", "Authorization: bearer  {} ", "X-API-Key: {}"])
def test_a_key_is_taken_from_either_header(api: Client, issue: Issue, header: str) -> None:
    issued = issue("upload")
    name, _, value = header.format(issued.token).partition(": ")

    answer = api.get("/upload", headers={name: value})

    assert answer.status_code == 200
    assert answer.json()["prefix"] == issued.key.prefix


def test_the_owner_is_the_user(api: Client, issue: Issue) -> None:
    owner = get_user_model().objects.create_user("ann")

    assert api.get("/upload", headers=bearer(issue("upload", owner=owner).token)).json()["user"] == "ann"
    assert api.get("/upload", headers=bearer(issue("upload").token)).json()["user"] == "AnonymousUser"


def assert_refused(answer: Any, status: int, code: str) -> str:
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code)
    assert body["message"] == body["error"]
    return str(body["message"])


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic YTpi"}, {"Authorization": ""}])
def test_a_call_without_a_key_is_told_how_to_bring_one(api: Client, headers: dict[str, str]) -> None:
    answer = api.get("/upload", headers=headers)

    assert "Authorization: Bearer" in assert_refused(answer, 401, "missing_key")
    assert answer["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("token", ["", "x", "imgo_live_x_y", "é" * 40, "a" * 9000, UNKNOWN, "a b"])
def test_a_wrong_key_gets_the_one_sentence(api: Client, token: str) -> None:
    answer = api.get("/upload", headers=bearer(token))

    assert "not known here" in assert_refused(answer, 401, "invalid_key")
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_wrong_key_is_refused_where_none_is_needed(api: Client) -> None:
    assert_refused(api.get("/open", headers=bearer("wrong")), 401, "invalid_key")
    assert api.get("/open").status_code == 200


def test_a_revoked_key_is_refused_on_the_very_next_call(api: Client, issue: Issue) -> None:
    issued = issue("upload")
    assert api.get("/upload", headers=bearer(issued.token)).status_code == 200

    service.revoke(ApiKey.objects.get(pk=issued.key.pk))

    assert "revoked" in assert_refused(api.get("/upload", headers=bearer(issued.token)), 401, "invalid_key")


def test_a_missing_scope_is_named(api: Client, issue: Issue) -> None:
    answer = api.get("/upload", headers=bearer(issue("read", "sign").token))

    assert "'upload'" in assert_refused(answer, 403, "missing_scope")


def test_each_method_has_its_scope(api: Client, issue: Issue) -> None:
    reader, manager = bearer(issue("read").token), bearer(issue("manage").token)

    def ask(headers: dict[str, str]) -> list[int]:
        return [getattr(api, verb)("/per-method", headers=headers).status_code for verb in ("get", "head", "patch")]

    assert ask(reader) == [200, 200, 403]
    assert ask(manager) == [403, 403, 200]


def test_a_method_that_does_not_exist_is_a_405_for_who_has_a_key(api: Client, issue: Issue) -> None:
    assert api.delete("/per-method", headers=bearer(issue().token)).status_code == 405
    assert api.delete("/per-method").status_code == 401
    assert api.options("/per-method", headers=bearer(issue().token)).status_code == 200


@pytest.mark.parametrize("scopes", [{}, {"POST": "upload"}, {"GET": "uplaod"}])
def test_a_view_that_names_no_scope_lets_nobody_in(
    api: Client, issue: Issue, monkeypatch: pytest.MonkeyPatch, scopes: Any
) -> None:
    monkeypatch.setattr("tests.apikeys.urls.Undeclared.required_scopes", scopes, raising=False)

    with pytest.raises(ImproperlyConfigured, match="scope"):
        api.get("/undeclared", headers=bearer(issue().token))


def test_a_key_has_its_own_limit(api: Client, issue: Issue) -> None:
    slow, other = issue("upload", rate_per_second=0.1, burst=2), issue("upload")

    assert codes(lambda: api.get("/upload", headers=bearer(slow.token)), 2) == [200, 200]
    answer = api.get("/upload", headers=bearer(slow.token))
    assert slow.key.prefix in assert_refused(answer, 429, "rate_limited")
    assert 1 <= int(answer["Retry-After"]) <= 11
    assert api.get("/upload", headers=bearer(other.token)).status_code == 200


def test_refusals_for_want_of_a_scope_count_too(api: Client, issue: Issue) -> None:
    headers = bearer(issue("read", rate_per_second=0.1, burst=2).token)

    assert codes(lambda: api.get("/upload", headers=headers), 3) == [403, 403, 429]


@pytest.mark.parametrize("token", [None, "malformed", UNKNOWN], ids=["none", "malformed", "unknown"])
def test_strangers_are_limited(api: Client, token: str | None) -> None:
    headers = {} if token is None else bearer(token)

    assert codes(lambda: api.get("/upload", headers=headers), BURST + 2) == [401] * BURST + [429] * 2
    answer = api.get("/upload", headers=headers)
    assert_refused(answer, 429, "rate_limited")
    assert 1 <= int(answer["Retry-After"]) <= 101


def test_calls_without_a_key_are_limited_where_none_is_needed(api: Client) -> None:
    assert codes(lambda: api.get("/open"), BURST + 1) == [200] * BURST + [429]


def test_strangers_of_other_addresses_have_their_own_limit(api: Client) -> None:
    assert codes(lambda: api.get("/upload", REMOTE_ADDR="203.0.113.1"), BURST + 1)[-1] == 429
    assert api.get("/upload", REMOTE_ADDR="203.0.113.2").status_code == 401


def test_a_stranger_cannot_change_address_by_a_header(api: Client) -> None:
    def ask(forwarded: str, remote_addr: str) -> int:
        return api.get("/upload", headers={"X-Forwarded-For": forwarded}, REMOTE_ADDR=remote_addr).status_code

    assert [ask(f"198.51.100.{n}", "203.0.113.1") for n in range(BURST + 1)][-1] == 429
    assert [ask(f"198.51.100.{n}, 203.0.113.7", "10.0.0.1") for n in range(BURST + 1)][-1] == 429
    assert ask("203.0.113.8", "10.0.0.1") == 401


def test_an_ipv6_stranger_cannot_change_address_within_its_network(api: Client) -> None:
    answers = [api.get("/upload", REMOTE_ADDR=f"2001:db8::{n}").status_code for n in range(BURST + 1)]

    assert answers[-1] == 429
    assert api.get("/upload", REMOTE_ADDR="2001:db8:0:1::1").status_code == 401


def test_a_right_key_is_served_from_an_address_over_its_limit(
    api: Client, issue: Issue, right_digests: list[float]
) -> None:
    """Also in a process that has never seen the key before."""
    issued = issue("upload")
    assert codes(lambda: api.get("/upload", headers=bearer("wrong")), BURST + 1)[-1] == 429

    assert codes(lambda: api.get("/upload", headers=bearer(issued.token)), BURST * 3) == [200] * BURST * 3


def test_a_key_issued_under_attack_is_served_a_second_later(
    api: Client, issue: Issue, right_digests: list[float]
) -> None:
    unknown = bearer(tokens.issue("live").text)
    assert codes(lambda: api.get("/upload", headers=unknown), BURST + 1)[-1] == 429
    issued = issue("upload")

    assert api.get("/upload", headers=bearer(issued.token)).status_code == 429
    right_digests[0] += admission.RELOAD_SECONDS
    assert api.get("/upload", headers=bearer(issued.token)).status_code == 200


@pytest.fixture
def no_database(db: None) -> Iterator[None]:
    def refuse(*_arguments: Any) -> None:
        raise AssertionError("the database was asked")

    with connection.execute_wrapper(refuse):
        yield


def test_keyless_and_malformed_calls_never_reach_the_database(no_database: None) -> None:
    api = Client()

    assert codes(lambda: api.get("/upload"), 2) == [401, 401]
    assert codes(lambda: api.get("/upload", headers=bearer("imgo_live_x_y")), 3) == [401, 429, 429]


def test_over_the_limit_unknown_keys_do_not_reach_the_database(
    api: Client, right_digests: list[float], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    def ask() -> int:
        return api.get("/upload", headers=bearer(tokens.issue("live").text)).status_code

    with django_assert_num_queries(BURST):
        assert [ask() for _ in range(BURST)] == [401] * BURST
    with django_assert_num_queries(1):  # which keys there are, once a second
        assert [ask() for _ in range(20)] == [429] * 20
    right_digests[0] += admission.RELOAD_SECONDS
    with django_assert_num_queries(1):
        assert [ask() for _ in range(20)] == [429] * 20


def test_a_key_that_ended_is_limited_like_any_wrong_one(
    api: Client, issue: Issue, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    issued = issue("upload")
    assert api.get("/upload", headers=bearer(issued.token)).status_code == 200
    service.revoke(issued.key)

    answers = codes(lambda: api.get("/upload", headers=bearer(issued.token)), BURST + 2)

    assert answers == [401] * (BURST - 1) + [429] * 3  # its first call, in a process that did not know it, counted
    with django_assert_num_queries(0):
        assert api.get("/upload", headers=bearer(issued.token)).status_code == 429


def test_a_refused_call_is_counted_once(api: Client, settings: Settings) -> None:
    settings.REST_FRAMEWORK = {
        **settings.REST_FRAMEWORK,
        "EXCEPTION_HANDLER": "tests.apikeys.test_drf.answer_that_looks_at_the_user",
    }

    assert codes(lambda: api.get("/upload", headers=bearer("wrong")), BURST + 1) == [401] * BURST + [429]


def answer_that_looks_at_the_user(exception: Exception, context: dict[str, Any]) -> Any:
    from imgopt.errors import handle_api_exception

    assert str(context["request"].user) == "AnonymousUser"
    return handle_api_exception(exception, context)


def test_limits_for_other_things_do_not_share(api: Client) -> None:
    environ = {"REMOTE_ADDR": "203.0.113.1"}

    assert [admission.admit_ip(environ, "login", 0.01, 2).admitted for _ in range(3)] == [True, True, False]
    assert admission.admit_ip(environ, "miss", 0.01, 2).admitted
    assert admission.admit_ip({}, "login", 0.01, 2).admitted
