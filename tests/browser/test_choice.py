"""Which candidate a real Chromium takes from our srcset, at three widths of window and two pixel ratios."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from html import unescape

import pytest
from PIL import Image
from playwright.sync_api import Browser

from tests.e2e.server import Server

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

SITE = "http://site.test/"
SIZES = "(max-width: 600px) 100vw, (max-width: 1000px) 50vw, 640px"
# Window width in CSS px → what SIZES says of it.
SLOTS = {480: 480, 900: 450, 1400: 640}


def candidates(html: str, media_type: str) -> dict[str, int]:
    """This will give URL → width of the source of one type."""
    source = next(tag for tag in re.findall(r"<source[^>]*>", html) if f'type="{media_type}"' in tag)
    srcset = unescape(re.search(r'srcset="([^"]*)"', source)[1])  # type: ignore[index]
    pairs = (candidate.split() for candidate in srcset.split(", "))
    return {url: int(width.removesuffix("w")) for url, width in pairs}


@pytest.mark.parametrize("dpr", [1, 2])
@pytest.mark.parametrize("window", SLOTS)
def test_chromium_takes_the_right_width_as_avif(
    browser: Browser, server: Server, picture: Callable[..., str], window: int, dpr: int
) -> None:
    html = picture(sizes=SIZES)
    page = browser.new_page(viewport={"width": window, "height": 800}, device_scale_factor=dpr)
    page.route(SITE, lambda route: route.fulfill(body=f"<!doctype html>{html}", content_type="text/html"))
    page.goto(SITE, wait_until="networkidle")
    chosen = page.evaluate("document.querySelector('img').currentSrc")
    page.close()

    widths = candidates(html, "image/avif")
    needed = SLOTS[window] * dpr
    assert chosen in widths
    assert widths[chosen] == min(width for width in widths.values() if width >= needed)
    answer = server.request(chosen)
    assert answer.headers["content-type"] == "image/avif"
    assert Image.open(io.BytesIO(answer.body)).width == widths[chosen], "the descriptor does not tell the truth"


def test_a_browser_without_avif_and_webp_gets_the_fallback(
    browser: Browser, server: Server, picture: Callable[..., str]
) -> None:
    html = picture(sizes=SIZES)
    unknown = html.replace("image/avif", "image/x-unknown").replace("image/webp", "image/x-unknown")
    page = browser.new_page(viewport={"width": 900, "height": 800})
    page.route(SITE, lambda route: route.fulfill(body=f"<!doctype html>{unknown}", content_type="text/html"))
    page.goto(SITE, wait_until="networkidle")
    chosen = page.evaluate("document.querySelector('img').currentSrc")
    page.close()
    assert server.request(chosen).headers["content-type"] == "image/jpeg"


def test_a_fixed_size_is_chosen_by_pixel_ratio(browser: Browser, server: Server, picture: Callable[..., str]) -> None:
    html = picture(w=320)
    widths = {}
    for dpr in (1, 2):
        page = browser.new_page(viewport={"width": 900, "height": 800}, device_scale_factor=dpr)
        page.route(SITE, lambda route: route.fulfill(body=f"<!doctype html>{html}", content_type="text/html"))
        page.goto(SITE, wait_until="networkidle")
        url = page.evaluate("document.querySelector('img').currentSrc")
        shown = page.evaluate("document.querySelector('img').getBoundingClientRect().width")
        page.close()
        assert shown == 320
        widths[dpr] = Image.open(io.BytesIO(server.request(url).body)).width
    assert widths == {1: 320, 2: 640}


def test_art_direction_shows_another_crop_in_a_narrow_window(browser: Browser, picture: Callable[..., str]) -> None:
    html = picture(sizes="100vw", art="(max-width: 600px): ar=1:1 fit=crop", ar="16:9", fit="crop")
    shapes = {}
    for window in (500, 900):
        page = browser.new_page(viewport={"width": window, "height": 800})
        page.route(
            SITE,
            lambda route: route.fulfill(
                body=f"<!doctype html><style>img{{width:100%;height:auto}}</style>{html}", content_type="text/html"
            ),
        )
        page.goto(SITE, wait_until="networkidle")
        box = page.evaluate("(() => { const i = document.querySelector('img'); return [i.width, i.height]; })()")
        page.close()
        shapes[window] = box[0] / box[1]
    assert shapes[500] == pytest.approx(1, abs=0.02)
    assert shapes[900] == pytest.approx(16 / 9, abs=0.02)
