"""What a row of the table of parameters says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One row of the table."""

    name: str
    aliases: tuple[str, ...] = ()
    accepts: str
    """What it expects, as words that go between `Expected` and `for`."""
    default: str
    meaning: str
    example: str
    read: Callable[[str], object]
    """From text to value; what it cannot read it tells by ValueError or LookupError."""
    write: Callable[[Any], str] = str
    """From value to canonical text, which `read` takes back; `params` escapes it."""
    field: str = ""
    """Of TransformSpec; empty when the parameter asks for what happens anyway."""
    longest: int = 64
    """How many characters a value may have: more than any good one, so that a 10-kB number costs nothing."""
