"""The boxes of an AVIF file (ISO/IEC 14496-12 and 23008-12), as far as colour and metadata need them.

Everything here is total: on anything odd it yields nothing or answers None.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_MAX_BOXES = 1000


@dataclass(frozen=True, slots=True)
class Nclx:
    """Code points of ITU-T H.273: how coded numbers become colours."""

    primaries: int
    transfer: int


def boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """This will yield type, start and end of the content of each box between `start` and `end`."""
    at = start
    for _ in range(_MAX_BOXES):
        if at + 8 > end:
            return
        size, kind, content = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], at + 8
        if size == 1:
            size, content = int.from_bytes(data[at + 8 : at + 16], "big"), at + 16
        elif size == 0:
            size = end - at
        if at + size > end or at + size < content:
            return
        yield kind, content, at + size
        at += size


def find(data: bytes, path: tuple[bytes, ...]) -> tuple[int, int] | None:
    """This will return where the content of the box at a path begins and ends; `meta` opens after its version."""
    start, end = 0, len(data)
    for wanted in path:
        place = next(((a, b) for kind, a, b in boxes(data, start, end) if kind == wanted), None)
        if place is None:
            return None
        start, end = place
        start += 4 if wanted == b"meta" else 0
    return start, end


def item_types(data: bytes) -> list[bytes] | None:
    """This will list the types of all items (`av01`, `grid`, `Exif`, `mime` …), or answer None if they are unclear."""
    place = find(data, (b"meta", b"iinf"))
    if place is None:
        return None
    start, end = place
    wide = data[start] != 0 if start < end else False
    count = int.from_bytes(data[start + 4 : start + (8 if wide else 6)], "big")
    types = []
    for kind, a, b in boxes(data, start + (8 if wide else 6), end):
        version = data[a] if a < b else 0
        if kind != b"infe" or version not in (2, 3):
            return None
        at = a + 4 + (4 if version == 3 else 2) + 2
        types.append(data[at : at + 4])
    return types if len(types) == count else None


def colour_of_primary(data: bytes) -> Nclx | None:
    """This will return the colour code points of the primary picture where it has some."""
    place = find(data, (b"meta", b"iprp", b"ipco"))
    if place is None:
        return None
    properties = list(boxes(data, *place))
    for index in _properties_of_primary(data):
        if not 0 < index <= len(properties):
            continue
        kind, start, end = properties[index - 1]
        if kind == b"colr" and data[start : start + 4] == b"nclx" and end - start >= 8:
            return Nclx(*(int.from_bytes(data[at : at + 2], "big") for at in (start + 4, start + 6)))
    return None


def _properties_of_primary(data: bytes) -> list[int]:
    primary, associations = find(data, (b"meta", b"pitm")), find(data, (b"meta", b"iprp", b"ipma"))
    if primary is None or associations is None:
        return []
    item = int.from_bytes(data[primary[0] + 4 : primary[1]], "big")
    try:
        return _associations(data[slice(*associations)]).get(item, [])
    except IndexError:
        return []


def _associations(box: bytes) -> dict[int, list[int]]:
    """This will read an `ipma` box: property indexes (from 1) by item."""
    id_size = 2 if box[0] == 0 else 4
    wide = box[3] & 1
    result: dict[int, list[int]] = {}
    at = 8
    for _ in range(min(int.from_bytes(box[4:8], "big"), _MAX_BOXES)):
        item, count, at = int.from_bytes(box[at : at + id_size], "big"), box[at + id_size], at + id_size + 1
        indexes = []
        for _ in range(count):
            # The topmost bit says whether the property is essential.
            indexes.append(int.from_bytes(box[at : at + 2], "big") & 0x7FFF if wide else box[at] & 0x7F)
            at += 2 if wide else 1
        result[item] = indexes
    return result
