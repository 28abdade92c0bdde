"""docs/parameters-gallery.md shows every parameter of the table, by pictures that are those of its recipes."""

from __future__ import annotations

import hashlib
import json

import pytest
from PIL import Image

from docs.img import draw_parameters
from docs.img.draw_parameters import HERE, MOST_BYTES, PAGE, RECORD, Missing, fingerprint, page, refuse_gaps
from docs.img.parameter_recipes import RECIPES, UNSEEN, Recipe
from pipeline.parameters import PARAMETERS

AGAIN = "run python -m docs.img.draw_parameters"


def test_every_parameter_has_a_recipe_or_a_sentence() -> None:
    refuse_gaps()


def test_a_parameter_without_a_recipe_is_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draw_parameters, "RECIPES", {name: RECIPES[name] for name in RECIPES if name != "blur"})
    with pytest.raises(Missing, match="received none for blur"):
        refuse_gaps()
    monkeypatch.setattr(draw_parameters, "RECIPES", {**RECIPES, "widht": Recipe(asked=("widht=1",))})
    with pytest.raises(Missing, match="received widht"):
        refuse_gaps()


def test_the_page_is_what_the_table_and_the_recipes_say() -> None:
    assert PAGE.read_text("utf-8") == page(), AGAIN


def test_the_page_has_an_entry_for_every_parameter() -> None:
    text = PAGE.read_text("utf-8")
    for row in PARAMETERS:
        assert f"\n## `{row.name}`\n" in text
        assert (f"(img/parameters/{row.name}.webp)" in text) != (row.name in UNSEEN)


def test_the_pictures_are_those_that_were_drawn_by_these_recipes() -> None:
    record = json.loads(RECORD.read_text("utf-8"))
    assert {name: entry["recipe"] for name, entry in record.items()} == {
        name: fingerprint(recipe) for name, recipe in RECIPES.items()
    }, AGAIN
    drawn = {file.stem: hashlib.sha256(file.read_bytes()).hexdigest() for file in HERE.glob("*.webp")}
    assert drawn == {name: entry["sha256"] for name, entry in record.items()}, AGAIN


def test_the_pictures_are_small_and_so_is_their_folder() -> None:
    for file in HERE.glob("*.webp"):
        assert file.stat().st_size <= MOST_BYTES, file.name
        with Image.open(file) as picture:
            assert (picture.format, picture.width <= 480) == ("WEBP", True), file.name
    assert sum(file.stat().st_size for file in HERE.iterdir()) < 400_000


def test_a_strip_that_shows_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="Expected sat to show a difference"):
        draw_parameters.draw("sat", Recipe(asked=("", "sat=0"), master="badge"))
