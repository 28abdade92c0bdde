"""The documents are held to the code."""

from __future__ import annotations

import re
from pathlib import Path

from django.urls import URLPattern, URLResolver, get_resolver

from assets.names import RESERVED
from imgopt.errors import STATUS

ROOT = Path(__file__).resolve().parents[2]
API = (ROOT / "docs" / "api.md").read_text()


def routes(resolver: URLResolver) -> list[str]:
    found = []
    for entry in resolver.url_patterns:
        if isinstance(entry, URLPattern):
            found.append(str(entry.pattern))
        elif str(entry.pattern) == "":
            found += routes(entry)
    return found


def test_the_api_document_names_every_address() -> None:
    addresses = {
        "/" + re.sub(r"<\w+:(\w+)>", r"{\1}", route).replace("{reference}", "{image}")
        for route in routes(get_resolver())
    }
    for address in addresses - {"/", "/^i/"}:
        assert f"{address}`" in API or f"{address}?" in API, address


def test_the_api_document_lists_every_error_with_its_status() -> None:
    listed = {
        code: int(status)
        for status, codes in re.findall(r"^\| (\d{3}) \| (`.*?) \|", API, re.MULTILINE)
        for code in re.findall(r"`(\w+)`", codes)
    }
    assert listed == {**STATUS, "precondition_failed": 412, "range_not_satisfiable": 416}


def test_the_api_document_lists_the_reserved_words() -> None:
    [words] = re.findall(r"none of ((?:`\w+`,?\s*)+)\.", API)
    assert set(re.findall(r"`(\w+)`", words)) == RESERVED


def test_every_dependency_has_its_reason() -> None:
    text = (ROOT / "docs" / "decisions" / "dependencies.md").read_text()
    reasons = dict(re.findall(r"^\| `(.+?)` \| (.+) \|$", text, re.MULTILINE))
    wanted = [
        re.split(r"[<>=]", line)[0].strip()
        for name in ("requirements.in", "requirements-dev.in")
        for line in (ROOT / name).read_text().splitlines()
        if line and not line.startswith(("#", "-r"))
    ]
    assert list(reasons) == wanted
    assert all(reasons.values())
