"""The documentation site: built strictly, whole, and from nowhere else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from docs import build
from docs.build import DocsFault
from tests.docs.blocks import ROOT


def test_the_site_builds_without_a_fault(tmp_path: Path) -> None:
    build.build(tmp_path)
    site = tmp_path / "site"
    assert "imgopt" in (site / "index.html").read_text("utf-8")
    assert "Changelog" in (site / "changelog.html").read_text("utf-8")
    assert (site / "search.json").stat().st_size > 10_000
    programs = {file.relative_to(site).parts[0] for file in site.rglob("*.py")}
    assert programs == {"recipes"}, "what makes the docs is no part of them"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return tmp_path / "page.html"


@pytest.mark.parametrize(
    "html, fault",
    [
        ('<a href="nowhere.html">', "links to nowhere.html, which does not exist"),
        ('<a href="#nothing">', "there is no such heading"),
        ('<script src="https://cdn.example.com/a.js"></script>', "from another host"),
        ('<link rel="stylesheet" href="//fonts.example.com/css">', "from another host"),
        ('<link rel="preconnect" href="https://fonts.example.com">', "from another host"),
        ('<img src="http://example.com/a.png">', "from another host"),
        ("<style>a{background:url(https://example.com/a.png)}</style>", "from another host"),
        ('<img src="gone.png">', "gone.png, which does not exist"),
    ],
)
def test_a_fault_in_the_built_site_is_told(page: Path, html: str, fault: str) -> None:
    page.write_text(html)
    with pytest.raises(DocsFault, match=fault):
        build.check(page.parent)


def test_what_is_only_linked_to_may_be_elsewhere(page: Path) -> None:
    page.write_text('<a href="https://example.com/">there</a> <h2 id="here"><a href="#here">here</a></h2>')
    build.check(page.parent)


@pytest.mark.parametrize(
    "text, fault",
    [
        ("[there](gone.md)", "links to gone.md, which does not exist"),
        ("[code](../manage.py)", "which is not on the site"),
    ],
)
def test_a_link_to_nothing_is_told(text: str, fault: str) -> None:
    _, faults = build.fitted(text, ROOT / "docs" / "index.md")
    assert len(faults) == 1
    assert fault in faults[0]


@pytest.mark.parametrize(
    "page, text, fitted",
    [
        ("docs/index.md", "[a](../CHANGELOG.md)", "[a](changelog.md)"),
        ("docs/moving/imgix.md", "[a](../api.md#in-common)", "[a](../api.md#in-common)"),
        ("docs/configuration.md", "[a](../.env.example)", "[a](env-example.txt)"),
        ("benchmarks/README.md", "[a](../docs/production.md)", "[a](production.md)"),
        ("docs/index.md", "[a](https://example.com/) ![b](img/harbour.webp)", None),
        ("docs/index.md", "```\n[a](gone.md)\n```", None),
    ],
)
def test_links_fit_the_site(page: str, text: str, fitted: str | None) -> None:
    assert build.fitted(text, ROOT / page) == (fitted or text, [])


def test_a_page_outside_the_navigation_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docs = tmp_path / "docs"
    shutil.copytree(build.DOCS, docs, ignore=shutil.ignore_patterns("img", "recipes"))
    (docs / "lost.md").write_text("# Lost\n")
    monkeypatch.setattr(build, "DOCS", docs)
    with pytest.raises(DocsFault, match=r"lost\.md is not in the navigation"):
        build.stage(tmp_path / "build")
