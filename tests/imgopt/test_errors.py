"""One table from code to status, and one shape for every error."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpResponse, HttpResponseNotAllowed
from django.test import Client, RequestFactory
from rest_framework import exceptions as drf

import apikeys
import assets
import delivery
import jobs
import pipeline
from apikeys.errors import MissingKey, RateLimited
from delivery.errors import BadSignature
from delivery.notes import taking_notes
from imgopt import errors
from imgopt.errors import STATUS, ErrorMiddleware, handle_api_exception, response_to
from jobs.errors import JobError
from pipeline.errors import BadParameter, Busy, ImgoptError
from tests.delivery.figures import Figures


def errors_below(kind: type[ImgoptError]) -> Iterator[type[ImgoptError]]:
    for child in kind.__subclasses__():
        yield child
        yield from errors_below(child)


def all_errors() -> list[type[ImgoptError]]:
    for package in (pipeline, apikeys, assets, delivery, jobs):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.endswith("errors"):
                importlib.import_module(module.name)
    ours = {kind for kind in errors_below(ImgoptError) if not kind.__module__.startswith("tests")}
    # What only workers or readers of a terminal hear of is no answer.
    answered = {kind for kind in ours if not issubclass(kind, JobError) and "imgopt.cli" not in kind.__module__}
    return sorted((kind for kind in answered if kind.__module__.endswith("errors")), key=str)


def test_every_error_has_a_status() -> None:
    kinds = all_errors()
    assert len(kinds) > 15
    assert [kind.__name__ for kind in kinds if kind.code not in STATUS] == []


def test_statuses_are_those_of_the_ruling() -> None:
    ruled = {400, 403, 404, 410, 413, 415, 422, 429, 503, 504}
    assert ruled <= set(STATUS.values()) <= ruled | {401, 405, 409, 500, 507}


def shape(answer: Any) -> tuple[int, str]:
    body = answer.json()
    assert body.keys() == {"code", "message", "error"}
    assert body["message"] == body["error"]
    assert body["message"]
    assert answer["Content-Type"] == "application/json"
    assert answer["Cache-Control"] == "no-store"
    return answer.status_code, body["code"]


def as_answer(response: Any) -> Any:
    import json

    response.json = lambda: json.loads(response.content)
    return response


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.__name__)
def test_every_error_has_the_one_shape(kind: type[ImgoptError]) -> None:
    answer = as_answer(response_to(kind("Expected one thing, received another.")))
    status, code = shape(answer)
    assert (status, code) == (STATUS[kind.code], kind.code)
    assert answer["Vary"] == "Accept"
    assert answer.json()["message"] == "Expected one thing, received another."
    if status == 503:
        assert int(answer["Retry-After"]) >= 1


@pytest.mark.parametrize(
    ("seconds", "header"), [(0, "1"), (0.2, "1"), (1, "1"), (1.01, "2"), (2, "2"), (2.5, "3"), (60, "60")]
)
def test_retry_after_is_never_too_early(seconds: float, header: str) -> None:
    assert response_to(RateLimited("too many", seconds))["Retry-After"] == header
    assert response_to(RateLimited("too many", seconds)).status_code == 429


def test_who_brings_no_key_is_told_how() -> None:
    assert response_to(MissingKey())["WWW-Authenticate"] == 'Bearer realm="imgopt"'
    assert "WWW-Authenticate" not in response_to(BadSignature())


def test_a_compatible_path_may_promise_another_status() -> None:
    class Compatible(BadParameter):
        status = 422

    assert response_to(Compatible("x")).status_code == 422


def test_a_strange_code_is_a_500() -> None:
    class Strange(ImgoptError):
        code = "strange"

    assert response_to(Strange("x")).status_code == 500


@pytest.mark.parametrize("kind", [OperationalError, InterfaceError])
def test_without_the_database_the_api_says_come_back(kind: type[Exception]) -> None:
    response = handle_api_exception(kind("connection refused"), CONTEXT)
    assert response is not None
    assert (response.status_code, response.data["code"]) == (503, "database_unavailable")
    assert (response.headers["Retry-After"], response.headers["Cache-Control"]) == ("2", "no-store")
    assert "refused" not in str(response.data), "where it stands is nobody's business"


@pytest.mark.parametrize("path", ["/i/products/shoe", "/image/1"])
def test_without_the_database_other_views_say_so_too(path: str) -> None:
    middleware = ErrorMiddleware(lambda _: HttpResponse())
    answer = middleware.process_exception(RequestFactory().get(path), OperationalError("refused"))
    assert answer is not None
    assert shape(as_answer(answer)) == (503, "database_unavailable")
    assert answer["Retry-After"] == "2"


@pytest.mark.parametrize(("path", "kind"), [("/api/v1/images", "application/json"), ("/admin/", "text/plain")])
def test_without_the_database_what_a_middleware_meets_is_no_500(path: str, kind: str) -> None:
    """Sessions, of which no view hears."""
    try:
        raise OperationalError("refused")
    except OperationalError:
        answer = errors.internal_error(RequestFactory().get(path))
    assert (answer.status_code, answer["Content-Type"].partition(";")[0]) == (503, kind)
    assert (answer["Retry-After"], answer["Cache-Control"]) == ("2", "no-store")


CONTEXT = {"view": type("View", (), {"allowed_methods": ["GET", "HEAD"]})()}
FROM_DRF: list[tuple[Exception, int, str, str]] = [
    (BadParameter("Expected a, received b."), 400, "bad_parameter", "Expected a, received b."),
    (Busy("Full."), 503, "busy", "Full."),
    (Http404("x"), 404, "not_found", "Not found."),
    (PermissionDenied(), 403, "missing_scope", ""),
    (drf.ParseError("bad JSON"), 400, "bad_request", "bad JSON"),
    (drf.ValidationError({"image": ["This field is required."]}), 400, "bad_request", "image: This field is required."),
    (drf.ValidationError({"params": {"w": ["Too long."]}}), 400, "bad_request", "params: w: Too long."),
    (drf.ValidationError({"non_field_errors": ["No object."]}), 400, "bad_request", "No object."),
    (drf.ValidationError(["a", "b"]), 400, "bad_request", "a"),
    (drf.NotAuthenticated(), 401, "missing_key", ""),
    (drf.AuthenticationFailed(), 401, "invalid_key", ""),
    (drf.MethodNotAllowed("PUT"), 405, "method_not_allowed", ""),
    (drf.UnsupportedMediaType("text/x"), 415, "unsupported_media_type", ""),
    (drf.Throttled(), 429, "rate_limited", ""),
    (drf.NotAcceptable(), 406, "bad_request", ""),
]


@pytest.mark.parametrize(
    ("exception", "status", "code", "message"), FROM_DRF, ids=[repr(row[0])[:50] for row in FROM_DRF]
)
def test_drfs_errors_get_the_same_shape(exception: Exception, status: int, code: str, message: str) -> None:
    response = handle_api_exception(exception, CONTEXT)
    assert response is not None
    assert (response.status_code, response.data["code"]) == (status, code)
    assert response.data["message"] == response.data["error"]
    assert response.data["message"] == message or not message
    assert response["Cache-Control"] == "no-store"
    if status == 405:
        assert response["Allow"] == "GET, HEAD"


def test_a_bug_is_not_hidden_by_drfs_handler() -> None:
    assert handle_api_exception(ValueError("bug"), CONTEXT) is None


def test_every_error_told_is_counted_by_its_code_and_named_to_the_log() -> None:
    figures = Figures()
    with taking_notes() as notes:
        response_to(BadSignature())
    assert notes == {"code": "bad_signature"}
    handle_api_exception(MissingKey(), CONTEXT)
    handle_api_exception(drf.ParseError(), CONTEXT)
    errors.json_error("not_found", "There is nothing.")
    for code in ("bad_signature", "missing_key", "bad_request", "not_found"):
        assert figures.grown("imgopt_refusals_total", code=code) == 1, code
    errors.json_error("invented by a caller", "Expected one of our codes.", status=400)
    assert figures.grown("imgopt_refusals_total", code="other") == 1
    assert figures.grown("imgopt_refusals_total", code="invented by a caller") == 0


def through_the_middleware(path: str, answer: HttpResponse | Exception, method: str = "GET") -> Any:
    request = RequestFactory().generic(method, path)
    middleware = ErrorMiddleware(lambda _request: answer)  # type: ignore[arg-type, return-value]
    if isinstance(answer, Exception):
        return middleware.process_exception(request, answer)
    return middleware(request)


def test_named_errors_of_views_are_answered() -> None:
    assert shape(as_answer(through_the_middleware("/i/a", BadSignature()))) == (403, "bad_signature")
    assert through_the_middleware("/i/a", ValueError("bug")) is None


def test_django_s_empty_405_gets_the_shape_too() -> None:
    refused = as_answer(through_the_middleware("/i/a", HttpResponseNotAllowed(["GET", "HEAD"]), "POST"))
    assert shape(refused) == (405, "method_not_allowed")
    assert refused["Allow"] == "GET, HEAD"
    assert "POST" in refused.json()["message"]
    page = through_the_middleware("/admin/x", HttpResponseNotAllowed(["GET"]), "POST")
    assert page["Content-Type"].startswith("text/html")
    fine = HttpResponse(b"fine")
    assert through_the_middleware("/i/a", fine) is fine


@pytest.mark.parametrize("path", ["/nothing", "/api/v1/nothing", "/image", "/a\x00b"])
def test_what_is_not_there_is_a_404_in_the_shape(path: str) -> None:
    assert shape(Client().get(path, headers={"Accept": "text/html"})) == (404, "not_found")


def test_a_wrong_host_is_a_400_in_the_shape() -> None:
    assert shape(Client().get("/readyz", headers={"Host": "evil.example.com"})) == (400, "bad_request")
    assert shape(Client().get("/readyz", headers={"Host": "a b"})) == (400, "bad_request")


@pytest.mark.parametrize(
    ("raised", "expected"),
    [(ValueError("bug with a secret"), (500, "internal_error")), (SuspiciousOperation("x"), (400, "bad_request"))],
)
def test_a_bug_is_a_500_that_tells_nothing(
    monkeypatch: pytest.MonkeyPatch, raised: Exception, expected: tuple[int, str]
) -> None:
    def crash(*_: Any) -> Any:
        raise raised

    monkeypatch.setattr("imgopt.health._probe_all", crash)
    answer = Client(raise_request_exception=False).get("/readyz")
    assert shape(answer) == expected
    assert b"secret" not in answer.content


@pytest.mark.django_db
def test_the_admin_keeps_its_pages() -> None:
    client = Client()
    missing = client.get("/admin/nothing/", follow=True)
    assert missing["Content-Type"].startswith("text/html")
    request = RequestFactory().get("/admin/x")
    for page in (
        errors.not_found(request, Http404()),
        errors.bad_request(request, ValueError()),
        errors.internal_error(request),
    ):
        assert page["Content-Type"].startswith("text/html")
