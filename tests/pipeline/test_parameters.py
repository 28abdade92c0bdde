"""docs/parameters.md is held to the table of parameters, and its numbers to the plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.geometry import plan
from pipeline.limits import Limits
from pipeline.params import PARAMETERS, parse
from pipeline.spec import TransformSpec
from pipeline.values import FITS, GRAVITIES

DOCS = (Path(__file__).parents[2] / "docs" / "parameters.md").read_text(encoding="utf-8")


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def rows(heading: str) -> list[list[str]]:
    """The body of the table under a heading."""
    section = DOCS.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return [cells(line) for line in section.splitlines() if line.startswith("| `")]


def test_the_documented_parameters_are_those_of_the_table():
    expected = [
        [
            ", ".join(f"`{name}`" for name in (row.name, *row.aliases)),
            row.accepts,
            row.default,
            row.meaning,
            f"`{row.name}={row.example}`",
        ]
        for row in PARAMETERS
    ]
    assert rows("The parameters") == expected


@pytest.mark.parametrize("row", PARAMETERS, ids=lambda row: row.name)
def test_every_documented_example_is_accepted_and_says_something(row):
    spec = parse([(row.name, row.example)])
    assert (spec == TransformSpec()) == (row.name == "auto")


def result(word: str, width: int, height: int, enlarge: str = "0") -> str:
    """The result as the table writes it: the output, and the picture within it where it is smaller."""
    spec = parse([("w", "400"), ("h", "300"), ("fit", word), ("enlarge", enlarge)])
    done = plan(spec, width=width, height=height, orientation=1, limits=Limits())
    output = f"{done.output_width}×{done.output_height}"
    return f"{output} (picture {done.picture_width}×{done.picture_height})" if done.letterboxes else output


def test_the_documented_results_of_the_fits_are_those_of_the_plan():
    table = rows("The fits")
    assert [line[0] for line in table] == [f"`{word}`" for word in FITS]
    for line in table:
        word = line[0].strip("`")
        assert line[3:] == [
            result(word, 1000, 500),
            result(word, 1000, 500, "1"),
            result(word, 200, 100),
            result(word, 200, 100, "1"),
        ]


def test_the_documented_gravities_are_those_of_the_table():
    words = [[word.strip("`") for word in " ".join(line).split()] for line in rows("What a crop keeps")]
    assert {word: GRAVITIES[line[0]] for line in words for word in line} == GRAVITIES
    assert all(GRAVITIES[word] == GRAVITIES[line[0]] for line in words for word in line)
