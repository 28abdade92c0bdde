"""Pictures that come late move nothing."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Route

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

SITE = "http://site.test/"
RATIOS = ("16:9", "1:1", "3:4", "4:3", "21:9")
STYLE = "<style>img { max-width: 100%; height: auto; display: block } p { margin: 0 }</style>"
WATCH = """
<script>
  window.shift = 0;
  new PerformanceObserver(list => {
    for (const entry of list.getEntries()) window.shift += entry.value;
  }).observe({type: 'layout-shift', buffered: true});
</script>
"""
PLACES = "[...document.querySelectorAll('p')].map(p => p.getBoundingClientRect().top + window.scrollY)"
COMPLETE = "[...document.images].every(image => image.complete && image.naturalWidth > 0)"


def shift_of(browser: Browser, body: str) -> tuple[float, list[float], list[float]]:
    """This will load a page whose pictures come only after its layout: the shift, and the places before and after."""
    page = browser.new_page(viewport={"width": 1000, "height": 900})
    held: list[Route] = []
    released = False

    def hold(route: Route) -> None:
        if released:
            route.continue_()
        else:
            held.append(route)

    page.route("**/i/**", hold)
    document = f"<!doctype html>{STYLE}{WATCH}{body}"
    page.route(SITE, lambda route: route.fulfill(body=document, content_type="text/html"))
    page.goto(SITE, wait_until="domcontentloaded")
    page.wait_for_function("performance.getEntriesByType('paint').length > 0")
    before = page.evaluate(PLACES)
    released = True
    for route in held:
        route.continue_()
    page.wait_for_function(COMPLETE)
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    after, shift = page.evaluate(PLACES), page.evaluate("window.shift")
    page.close()
    return shift, before, after


def thirty(picture: Callable[..., str]) -> str:
    pictures = [
        picture(
            sizes="(max-width: 600px) 100vw, 50vw",
            ar=RATIOS[place % 5],
            fit="crop",
            rot=(0, 180)[place % 2],
            loading="eager",
        )
        for place in range(30)
    ]
    return "".join(f"<p>Paragraph {place}</p>{html}" for place, html in enumerate(pictures))


def test_a_page_of_thirty_pictures_does_not_shift(browser: Browser, picture: Callable[..., str]) -> None:
    shift, before, after = shift_of(browser, thirty(picture))
    assert shift == 0
    assert len(before) == 30
    # A file has whole pixels, so its ratio differs from the attributes' by less than a pixel a picture.
    assert all(abs(late - early) <= place for place, (late, early) in enumerate(zip(after, before, strict=True)))


def test_the_same_page_without_sizes_of_pictures_would_shift(browser: Browser, picture: Callable[..., str]) -> None:
    shift, before, after = shift_of(browser, re.sub(r' (?:width|height)="\d+"', "", thirty(picture)))
    assert shift > 0.1
    assert max(abs(late - early) for late, early in zip(after, before, strict=True)) > 100
