"""docs/notifications.md keeps its word: its recipes verify real webhooks and refuse others, its table is complete."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs.notifications import endpoint_secrets
from jobs.notifications.event_types import EVENT_TYPES
from tests.assets.origins.site import Site
from tests.jobs.notifications.world import ended, endpoint, work

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "notifications.md").read_text("utf-8")
NODE = """
import { readFileSync } from "node:fs";
const cases = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(cases.map(([secret, headers, body]) => isGenuine(secret, headers, Buffer.from(body)))));
"""


def block(language: str) -> str:
    [code] = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return str(code)


@pytest.fixture
def cases(db: None, site: Site) -> list[tuple[tuple[str, dict[str, str], str], bool]]:
    """Secret, headers and body, and whether they are genuine."""
    made, old = endpoint(site, event_types=["job.completed"])
    new = endpoint_secrets.rotate(made, timedelta(hours=1)).text
    ended({"master": "Füße"})
    work()
    body, headers = site.bodies[0].decode(), site.asked[0][1]
    late = {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) - 301)}
    without: dict[str, str] = {}
    return [
        ((new, headers, body), True),
        ((old, headers, body), True),
        ((endpoint(site)[1], headers, body), False),
        ((new, headers, body.replace("Füße", "Hände")), False),
        ((new, {**headers, "webhook-id": "msg_other"}, body), False),
        ((new, late, body), False),
        ((new, {**headers, "webhook-timestamp": "soon"}, body), False),
        ((new, {**headers, "webhook-signature": "v1,ü v2,x"}, body), False),
        ((new, without, body), False),
    ]


def test_the_recipe_in_python_verifies_what_is_genuine_and_nothing_else(cases: list[Any]) -> None:
    names: dict[str, Any] = {}
    exec(block("python"), names)
    for (secret, headers, body), is_right in cases:
        assert names["is_genuine"](secret, headers, body.encode()) is is_right


def test_the_recipe_in_javascript_agrees(cases: list[Any], tmp_path: Path) -> None:
    node = shutil.which("node") or pytest.skip("node is not installed here")
    file = tmp_path / "recipe.mjs"
    file.write_text(block("js") + NODE)
    given = json.dumps([case for case, _ in cases])
    answer = subprocess.run([node, str(file)], input=given, capture_output=True, text=True, check=True, timeout=30)
    assert json.loads(answer.stdout) == [is_right for _, is_right in cases]


def test_it_names_every_type_of_event() -> None:
    for name, meaning in EVENT_TYPES.items():
        assert f"| `{name}` | {meaning}" in PAGE
