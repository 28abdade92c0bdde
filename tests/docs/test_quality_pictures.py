"""docs/quality.md shows pictures that code draws, and the figures that they measure."""

from __future__ import annotations

import hashlib
import json

import pytest
from PIL import Image

from docs.img.draw_quality import DRAWINGS, HERE, PAGE, RECORD, draw_worst, page

AGAIN = "run python -m docs.img.draw_quality"


def test_the_pictures_are_those_that_were_drawn() -> None:
    record = json.loads(RECORD.read_text("utf-8"))
    assert list(record) == list(DRAWINGS), AGAIN
    drawn = {file.stem: hashlib.sha256(file.read_bytes()).hexdigest() for file in HERE.glob("*.webp")}
    assert drawn == {name: entry["sha256"] for name, entry in record.items()}, AGAIN


def test_the_tables_on_the_page_are_what_the_pictures_measured() -> None:
    assert PAGE.read_text("utf-8") == page(PAGE.read_text("utf-8")), AGAIN
    for name in DRAWINGS:
        assert f"(img/quality/{name}.webp)" in PAGE.read_text("utf-8")


def test_a_page_that_lost_its_comments_is_told() -> None:
    with pytest.raises(ValueError, match="figures of targets"):
        page(PAGE.read_text("utf-8").replace("<!-- end -->", ""))


def test_the_pictures_are_not_heavy() -> None:
    assert sum(file.stat().st_size for file in HERE.iterdir()) < 400_000
    for file in HERE.glob("*.webp"):
        with Image.open(file) as picture:
            assert picture.width <= 960, file.name


@pytest.mark.slow
def test_what_the_page_says_of_the_worst_tile_is_so() -> None:
    _, figures = draw_worst()
    measured = figures["ruined"]
    assert float(measured["ssim"]) > 0.97  # the mean alone would pass for good
    assert float(measured["worst_tile"]) < 0.8
