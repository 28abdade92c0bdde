"""docs/client-vectors.json holds for the Python client, and the JavaScript recipes keep to it letter by letter."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.client.validity import check
from tests.client.vectors import FILE, made

RECIPES = FILE.parent / "recipes"
VECTORS = json.loads(FILE.read_text("utf-8"))


@pytest.fixture(scope="module")
def in_javascript() -> dict[str, Any]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed here")
    command = [node, Path(__file__).with_name("recipes.mjs"), RECIPES / "imgopt.mjs", RECIPES / "Picture.jsx", FILE]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_the_file_is_what_the_python_client_makes() -> None:
    assert made() == VECTORS, "run `python -m tests.client.vectors`, and look at what has changed"


def test_every_vector_is_valid_html() -> None:
    for case in VECTORS["pictures"]:
        check(case["html"])


@pytest.mark.parametrize(("part", "field"), [("urls", "url"), ("srcsets", "srcset"), ("pictures", "html")])
def test_javascript_makes_the_same(in_javascript: dict[str, Any], part: str, field: str) -> None:
    assert in_javascript[part] == [case[field] for case in VECTORS[part]]


def test_javascript_needs_an_alt(in_javascript: dict[str, Any]) -> None:
    assert "Expected a text for alt" in in_javascript["error"]


def test_the_react_component_has_the_same_elements(in_javascript: dict[str, Any]) -> None:
    for case in in_javascript["react"]:
        tree, attributes = case["tree"], case["attributes"]
        *sources, img = tree["children"]
        assert tree["type"] == "picture"
        assert [source["props"]["srcSet"] for source in sources] == [each["srcset"] for each in attributes["sources"]]
        assert len({source["props"]["key"] for source in sources}) == len(sources)
        assert (img["type"], img["props"]["alt"], img["props"]["id"]) == ("img", attributes["img"]["alt"], "mine")
        assert not img["props"].keys() & {"srcset", "class", "fetchpriority"}
        if "style" in attributes["img"]:
            assert f"background:{img['props']['style']['background']}" == attributes["img"]["style"]
