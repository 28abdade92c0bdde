"""The named faults can still be planted; whether they are noticed is what `make mutants` finds out."""

from __future__ import annotations

from tests.mutants import ROOT
from tests.named_faults import MUTANTS


def test_every_fault_has_its_line_once_where_it_says() -> None:
    counts = {mutant.name: (ROOT / mutant.file).read_text().count(mutant.old) for mutant in MUTANTS}
    assert {name: count for name, count in counts.items() if count != 1} == {}
    assert len(counts) == len(MUTANTS), "each name once"


def test_every_fault_names_tests_that_are_there() -> None:
    assert [path for mutant in MUTANTS for path in mutant.tests if not (ROOT / path).exists()] == []
