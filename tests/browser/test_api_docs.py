"""The page of the REST API in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.e2e.server import Server

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def test_shows_every_operation_from_this_host_alone_and_within_its_policy(server: Server, browser: Browser) -> None:
    asked: list[str] = []
    complaints: list[str] = []
    page = browser.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"http://127.0.0.1:{server.port}/api/docs/")
    page.wait_for_selector(".opblock")
    described = server.request("/api/schema").json["paths"]
    assert page.locator(".opblock").count() == sum(len(item) for item in described.values())
    page.locator("#operations-masters-listImages button").first.click()  # opens what is drawn on demand
    page.wait_for_selector("text=createdBefore")
    page.close()
    # Icons and the like come from data: URIs.
    outside = [url for url in asked if not url.startswith((f"http://127.0.0.1:{server.port}/", "data:", "blob:"))]
    assert outside == []
    assert complaints == []
