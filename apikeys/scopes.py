"""What a key may do. No scope contains another: a key has exactly those it was issued with."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntFlag

from pipeline.errors import BadParameter


class Scope(IntFlag):
    """Stored as bits, which SQLite and PostgreSQL can both search."""

    UPLOAD = 1
    SIGN = 2
    READ = 4
    MANAGE = 8


MEANINGS: dict[str, str] = {
    "upload": "store masters",
    "sign": "make signed URLs",
    "read": "list masters and read their metadata",
    "manage": "change, replace and delete masters, and purge variants",
}
NAMES = tuple(MEANINGS)


def parse(names: Iterable[str]) -> Scope:
    """This will turn names into bits, or raise `BadParameter`.

    >>> parse(["upload", "sign"])
    <Scope.UPLOAD|SIGN: 3>
    """
    bits = Scope(0)
    for name in names:
        if name not in MEANINGS:
            raise BadParameter(f"Expected scopes out of {', '.join(NAMES)}, received {name!r}.")
        bits |= Scope[name.upper()]
    if not bits:
        raise BadParameter(f"Expected at least one scope out of {', '.join(NAMES)}, received none.")
    return bits


def names_of(bits: int) -> tuple[str, ...]:
    """This will give the names in the order of the table."""
    return tuple(name for name in NAMES if bits & Scope[name.upper()])
