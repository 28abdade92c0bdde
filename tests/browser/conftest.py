"""A real Chromium, a real server, and pages that show pictures with the markup that the server gives."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.photo import draw_photo
from tests.e2e.server import Server

# Nothing but the page's own traffic.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # The page is made up; its pictures come from loopback, which Chromium would ask the user about.
    "--disable-features=LocalNetworkAccessChecks",
]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("needs Chromium: sudo apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("var"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def api_key(server: Server) -> str:
    return server.api_key


@pytest.fixture(scope="session")
def master(server: Server, api_key: str) -> str:
    """The reference of a master of 2,400 × 1,500 pixels."""
    answer = server.upload(api_key, ("photo.jpg", draw_photo(2400, 1500)), fields={"key": "site/photo"})
    assert answer.status == 201, answer.body
    return "site/photo"


@pytest.fixture(scope="session")
def picture(server: Server, api_key: str, master: str) -> Callable[..., str]:
    """The markup that the REST API gives for the master."""

    def ask(**query: Any) -> str:
        answer = server.api(f"/api/v1/image/{master}/picture?{urlencode({'alt': 'A photo', **query})}", api_key)
        assert answer.status == 200, answer.body
        html: str = answer.json["html"]
        return html

    return ask
