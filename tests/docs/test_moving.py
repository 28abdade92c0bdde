"""docs/moving keeps its word: what it says of our parameters is true, and its functions translate its own examples."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qsl, quote

import pytest

from assets.names import key_from_path, origin_reference
from pipeline.params import parse
from tests.docs.blocks import ROOT
from tests.docs.tables import Row, codes_in, tables_of

PAGES = ROOT / "docs" / "moving"
SERVICES = ("imgix", "cloudinary", "imgproxy", "thumbor")
DELIVERYS_OWN = {"preset", "dl", "expires"}
HINTED = {("w", "auto"), ("dpr", "auto")}
NOT_HERE = "–"

Translate = Callable[..., tuple[str, dict[str, str]]]


@pytest.fixture
def translators(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Translate]]:
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "recipes"))
    yield lambda service: getattr(importlib.import_module(f"moving.{service}"), f"from_{service}")
    for name in [name for name in sys.modules if name.partition(".")[0] == "moving"]:
        del sys.modules[name]


def words(service: str) -> list[Row]:
    return [row for headings, rows in tables_of(PAGES / f"{service}.md") if len(headings) == 3 for row in rows]


def examples(service: str) -> list[Row]:
    return [row for headings, rows in tables_of(PAGES / f"{service}.md") if len(headings) == 2 for row in rows]


def refuse_unparsable(query: str) -> None:
    """Read as delivery reads it: its own names are taken away, the rest is the pipeline's."""
    asked = parse_qsl(query, strict_parsing=True)
    parse((name, value) for name, value in asked if name not in DELIVERYS_OWN and (name, value) not in HINTED)


def test_every_service_has_its_page() -> None:
    assert {page.stem for page in PAGES.glob("*.md")} == {*SERVICES, "index"}


@pytest.mark.parametrize("service", SERVICES)
def test_every_word_of_ours_is_a_parameter_with_a_value_it_takes(service: str) -> None:
    for row in words(service):
        theirs, ours, says = row.cells
        where = f"docs/moving/{service}.md:{row.line}"
        assert codes_in(theirs), f"{where} does not name the other service's word"
        if ours == NOT_HERE:
            continue
        assert codes_in(ours), f"{where} says neither what it is called here nor {NOT_HERE}: {says}"
        for code in codes_in(ours):
            try:
                refuse_unparsable(code)
            except Exception as error:
                raise AssertionError(f"{where}: {code} would be refused: {error}") from error


@pytest.mark.parametrize("service", SERVICES)
def test_the_examples_are_what_the_function_makes_of_them(
    service: str, translators: Callable[[str], Translate]
) -> None:
    assert len(examples(service)) >= 5
    for row in examples(service):
        [before], [after] = codes_in(row.cells[0]), codes_in(row.cells[1])
        reference, _, query = after.partition("?")
        assert translators(service)(before) == (reference, dict(parse_qsl(query))), f"line {row.line}"
        refuse_unparsable(query)


@pytest.mark.parametrize(
    "url",
    [
        "https://acme.imgix.net/a.jpg?w=0.5",
        "https://acme.imgix.net/a.jpg?fit=facearea",
        "https://acme.imgix.net/a.jpg?blend=b.png",
        "https://res.cloudinary.com/acme/video/upload/w_100/a.mp4",
        "https://res.cloudinary.com/acme/image/upload/c_imagga_crop,w_100/a.jpg",
        "https://res.cloudinary.com/acme/image/upload/w_100/w_50/a.jpg",
        "https://res.cloudinary.com/acme/image/upload/e_cartoonify/a.jpg",
        "https://img.acme.com/x/rt:auto/plain/local:///a.jpg",
        "https://img.acme.com/x/g:no:10:0/plain/local:///a.jpg",
        "https://img.acme.com/x/pd:1:2/plain/local:///a.jpg",
        "https://img.acme.com/x/wm:0.5:ce/plain/local:///a.jpg",
        "https://thumbor.acme.com/unsafe/filters:equalize()/a.jpg",
    ],
)
def test_what_has_no_counterpart_is_named_and_not_lost(url: str, translators: Callable[[str], Translate]) -> None:
    service = next(name for name in SERVICES if name in url.replace("img.acme.com", "imgproxy"))
    with pytest.raises(ValueError, match="not here"):
        translators(service)(url)


@pytest.mark.parametrize("path", ["shoe.jpg", "a/Red shoe (1).jpg", "Größe/Äpfel.v2.png", "a.b/c", "team/jane.tar.gz"])
def test_references_are_those_that_an_import_makes(path: str, translators: Callable[[str], Translate]) -> None:
    url = f"https://acme.imgix.net/{quote(path)}"
    assert translators("imgix")(url)[0] == key_from_path(path)
    assert translators("imgix")(url, origin="shop")[0] == origin_reference("shop", path)


def test_each_recipe_is_a_small_file() -> None:
    for file in (ROOT / "docs" / "recipes" / "moving").glob("*.py"):
        assert len(file.read_text("utf-8").splitlines()) <= 120, Path(file).name
