"""Whether markup is valid HTML: html5lib's strict parser, and the rules of the standard that no parser looks at."""

from __future__ import annotations

import re
from typing import Any

import html5lib

from imgopt_client.sizes import check_sizes

DESCRIPTOR = re.compile(r"(?:[1-9][0-9]*w|[0-9]+(?:\.[0-9]+)?x)")
DIMENSION = re.compile(r"[1-9][0-9]*")


def elements(markup: str, name: str) -> list[dict[str, str]]:
    """This will parse strictly, and give the attributes of each such element."""
    page = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(
        f"<!DOCTYPE html><html lang=en><title>-</title><body>{markup}"
    )
    return [dict(found.attrib) for found in page.iter(name)]


def candidates_of(srcset: str) -> list[tuple[str, str]]:
    """This will split as a browser does: at blanks, a comma belonging to the descriptor before it."""
    words = srcset.split()
    assert len(words) % 2 == 0, srcset
    pairs = [(url, descriptor.rstrip(",")) for url, descriptor in zip(words[::2], words[1::2], strict=True)]
    assert all(not url.startswith(",") and not url.endswith(",") for url, _ in pairs)
    return pairs


def check(markup: str) -> None:
    """HTML, 4.8.2 to 4.8.4: the source, img and srcset attributes."""
    [img] = elements(markup, "img")
    sources = elements(markup, "source")
    assert img["src"]
    assert "alt" in img
    for each in [*sources, img]:
        check_dimensions(each)
        if "srcset" in each:
            check_source_set(each, is_lazy=img["loading"] == "lazy")
    for at, source in enumerate(sources):
        assert "srcset" in source
        assert "src" not in source
        # A source without a media query must differ in type from what follows, or that would never be reached.
        assert source.get("media") or source["type"] not in [later["type"] for later in sources[at + 1 :]]
    for name, words in (("loading", "lazy eager"), ("fetchpriority", "high low auto"), ("decoding", "async sync auto")):
        assert img.get(name, words.split()[0]) in words.split()


def check_dimensions(element: dict[str, str]) -> None:
    assert ("width" in element) == ("height" in element)
    assert all(DIMENSION.fullmatch(element[name]) for name in ("width", "height") if name in element)


def check_source_set(element: dict[str, Any], *, is_lazy: bool) -> None:
    pairs = candidates_of(element["srcset"])
    descriptors = [descriptor for _, descriptor in pairs]
    assert all(DESCRIPTOR.fullmatch(descriptor) for descriptor in descriptors)
    assert len(set(descriptors)) == len(descriptors), "no two candidates of one density or width"
    assert len({descriptor[-1] for descriptor in descriptors}) == 1, "w and x are not mixed"
    assert (descriptors[0][-1] == "w") == ("sizes" in element)
    if "sizes" in element:
        check_sizes(element["sizes"], is_lazy=is_lazy)
