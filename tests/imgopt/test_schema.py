"""The API's description: complete, valid, true to the views; and the page that shows it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_django import Settings
from rest_framework.views import APIView

from imgopt.errors import STATUS
from imgopt.schema import ERRORS

NOT_REST = {"api/schema", "api/docs/"}
"""Paths of the API that describe it and are not described by it."""

OPEN = {"/api/v1/health"}
"""What asks for no key."""


@pytest.fixture(autouse=True)
def _files_on_demand(settings: Settings) -> None:
    settings.CONFIG = settings.CONFIG  # so that a test's changes are undone
    settings.WHITENOISE_AUTOREFRESH = True  # or every client looks for all static files first


@cache
def document() -> dict[str, Any]:
    answer = Client().get("/api/schema")
    assert answer.status_code == 200
    return dict(answer.json())


def patterns(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in resolver.url_patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from patterns(entry, path)
        else:
            yield path, entry


def views() -> dict[str, type[APIView]]:
    """This will give every REST view by its path as the description writes it."""
    return {
        "/" + re.sub(r"<\w+:(\w+)>", r"{\1}", path): entry.callback.cls
        for path, entry in patterns(get_resolver())
        if hasattr(entry.callback, "cls")
    }


def methods_of(view: type[APIView]) -> set[str]:
    return {name for name in ("get", "post", "put", "patch", "delete") if hasattr(view, name)}


def operations() -> list[tuple[str, str]]:
    return sorted((path, method) for path, view in views().items() for method in methods_of(view))


def responses_of(operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    shared = document()["components"]["responses"]
    return {
        status: shared[response["$ref"].rsplit("/", 1)[1]] if "$ref" in response else response
        for status, response in operation["responses"].items()
    }


def test_every_path_of_the_api_is_a_rest_view() -> None:
    for path, entry in patterns(get_resolver()):
        if path.startswith("api/") and path not in NOT_REST:
            assert hasattr(entry.callback, "cls"), path


def test_every_operation_is_described_and_nothing_else() -> None:
    described = {(path, method) for path, item in document()["paths"].items() for method in item}
    assert described == set(operations())


@pytest.mark.parametrize(("path", "method"), operations())
def test_every_operation_says_all_that_a_caller_needs(path: str, method: str) -> None:
    operation = document()["paths"][path][method]
    assert operation["summary"], "no summary"
    assert not operation["summary"].endswith(".")
    assert re.fullmatch(r"[a-z]+([A-Z][a-z]+)+", operation["operationId"]), "an operationId reads like listImages"
    assert set(operation["tags"]) <= {tag["name"] for tag in document()["tags"]}, "a tag of settings.py"
    assert all(parameter.get("description") for parameter in operation.get("parameters", ()))
    assert ("{" in path) == any(parameter["in"] == "path" for parameter in operation.get("parameters", ()))
    for status, response in responses_of(operation).items():
        if status != "204" and status != "304":
            for media_type, content in response["content"].items():
                assert content["schema"], status
                assert not media_type.endswith("json") or "example" in content or "examples" in content, status


@pytest.mark.parametrize(("path", "method"), operations())
def test_every_operation_says_which_scope_it_needs(path: str, method: str) -> None:
    operation = document()["paths"][path][method]
    if path in OPEN:
        assert not operation.get("security")
        return
    scope = views()[path].required_scopes[method.upper()]  # type: ignore[attr-defined]
    assert operation["security"] == [{"bearer": [scope]}, {"apiKey": [scope]}]
    assert f"Scope: `{scope}`." in operation["description"]


@pytest.mark.parametrize(("path", "method"), operations())
def test_every_operation_tells_its_errors_in_the_one_shape(path: str, method: str) -> None:
    responses = responses_of(document()["paths"][path][method])
    errors = {int(status): response for status, response in responses.items() if int(status) >= 400}
    always = {405} if path in OPEN else {400, 401, 403, 405, 429, 503}
    assert set(errors) >= always | ({404} if "{reference}" in path else set())
    for status, response in errors.items():
        [content] = response["content"].values()
        assert content["schema"] == {"$ref": "#/components/schemas/Error"}, status
        assert set(content["example"]) == {"code", "message", "error"}


def test_operation_ids_are_unique() -> None:
    names = [operation["operationId"] for item in document()["paths"].values() for operation in item.values()]
    assert len(names) == len(set(names))


def test_the_errors_are_those_of_the_table() -> None:
    # A delivery URL's time and a fault of ours are not answers of this API.
    assert set(STATUS.values()) - {410, 500} <= set(ERRORS)
    for status, (code, _sentence) in ERRORS.items():
        assert STATUS.get(code, status) == status
    described = "".join(response["description"] for response in document()["components"]["responses"].values())
    assert all(f"`{code}`" in described for code, status in STATUS.items() if status in ERRORS)


@pytest.mark.parametrize(("path", "method"), operations())
def test_every_example_is_what_its_schema_says(path: str, method: str) -> None:
    operation = document()["paths"][path][method]
    contents = [content for response in responses_of(operation).values() for content in _contents(response)]
    contents += _contents(operation.get("requestBody", {}))
    for content in contents:
        schema = {**content["schema"], "components": document()["components"]}
        shown = [content["example"]] if "example" in content else []
        for example in shown + [each["value"] for each in content.get("examples", {}).values()]:
            jsonschema.Draft202012Validator(schema).validate(example)


def _contents(part: dict[str, Any]) -> list[dict[str, Any]]:
    return [content for kind, content in part.get("content", {}).items() if kind.endswith("json")]


def test_drf_spectacular_finds_nothing_to_complain_about(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn")
    assert capsys.readouterr().err == ""


def test_the_description_asks_for_no_key_and_not_the_database(client: Client) -> None:
    """Without pytest's `django_db` a query would be an error."""
    answer = client.get("/api/schema", headers={"Authorization": "Bearer nonsense"})
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert answer["Cache-Control"] == "public, max-age=300"
    assert answer.json()["openapi"].startswith("3.1")
    unchanged = client.get("/api/schema", headers={"If-None-Match": answer["ETag"]})
    assert (unchanged.status_code, unchanged.content, unchanged["ETag"]) == (304, b"", answer["ETag"])
    assert client.head("/api/schema").status_code == 200
    assert client.post("/api/schema").status_code == 405


def test_the_description_is_made_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    first = client.get("/api/schema").content

    def again(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("made again")

    monkeypatch.setattr("imgopt.api_docs.SchemaGenerator.get_schema", again)
    assert client.get("/api/schema").content == first


@pytest.mark.parametrize("path", ["/api/schema", "/api/docs/"])
def test_can_be_switched_off(client: Client, settings: Settings, path: str) -> None:
    settings.CONFIG = replace(settings.CONFIG, api_docs=False)
    answer = client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer["Cache-Control"] == "no-store"


class Page(HTMLParser):
    """The addresses that a page loads, and the scripts and styles that stand in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.inline: list[str] = []
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open = tag
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "data-description")]
        self.inline += [name for name, _ in attrs if name.startswith("on") or name == "style"]

    def handle_data(self, data: str) -> None:
        if self._open in ("script", "style") and data.strip():
            self.inline.append(data)


@pytest.mark.django_db  # an answer that is closed looks after the connections
def test_the_page_loads_nothing_from_elsewhere_and_runs_nothing_inline(client: Client) -> None:
    answer = client.get("/api/docs/")
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/html; charset=utf-8")
    page = Page(answer.content.decode())
    assert len(page.addresses) >= 5
    for address in page.addresses:
        assert address.startswith("/"), address
        assert not address.startswith("//"), address
        found = client.get(address)
        assert found.status_code == 200, address
        found.close()
    assert page.inline == []
    policy = dict(part.strip().split(" ", 1) for part in answer["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"


def test_the_page_is_found_without_its_slash(client: Client) -> None:
    answer = client.get("/api/docs")
    assert (answer.status_code, answer["Location"]) == (301, "/api/docs/")
