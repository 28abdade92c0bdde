"""AVIF: its items point at each other by offset, so nothing is cut out; a file without metadata passes as it is."""

from __future__ import annotations

from pipeline import boxes

_TOP_LEVEL = frozenset({b"ftyp", b"meta", b"mdat"})
_PICTURES = frozenset({b"av01", b"grid"})


def strip_avif(data: bytes) -> bytes | None:
    """This will return the bytes unchanged where they hold nothing but pictures."""
    top = list(boxes.boxes(data, 0, len(data)))
    if {kind for kind, _, _ in top} != _TOP_LEVEL or top[-1][2] != len(data):
        return None
    types = boxes.item_types(data)
    if not types or not _PICTURES.issuperset(types):
        return None
    properties = boxes.find(data, (b"meta", b"iprp", b"ipco"))
    if properties is None:
        return None
    has_profile = any(
        kind == b"colr" and data[start : start + 4] != b"nclx" for kind, start, _ in boxes.boxes(data, *properties)
    )
    return None if has_profile else data
