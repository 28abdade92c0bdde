"""JPEG segments (ITU-T T.81, annex B): what decoding needs stays, everything else goes."""

from __future__ import annotations

import re

_NEXT_MARKER = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")
"""In entropy-coded data FF 00 is a byte and FF D0..D7 are restarts; anything else ends the scan."""

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_TABLES = frozenset({0xC4, 0xCC, 0xDB, 0xDD})
_SCAN, _END = 0xDA, 0xD9
_DROPPED = frozenset({*range(0xE1, 0xEE), 0xEF, 0xFE})


def strip_jpeg(data: bytes) -> bytes | None:
    """This will keep frames, tables, scans, JFIF and Adobe's colour transform.

    Whatever follows the end of the picture goes too: gain maps of Ultra HDR and the other pictures of an MPO.
    """
    if data[:2] != b"\xff\xd8":
        return None
    kept, at, scans = [b"\xff\xd8"], 2, 0
    while True:
        while data[at : at + 2] == b"\xff\xff":
            at += 1
        if data[at : at + 1] != b"\xff" or (at + 4 > len(data) and data[at + 1 :] != b"\xd9"):
            return None
        marker = data[at + 1]
        if marker == _END:
            kept.append(b"\xff\xd9")
            return b"".join(kept) if scans else None
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if end < at + 4 or end > len(data):
            return None
        if marker == _SCAN:
            scans += 1
            end = _end_of_scan(data, end)
        segment = _kept(data[at:end], marker)
        if segment is None:
            return None
        kept.append(segment)
        at = end


def _end_of_scan(data: bytes, start: int) -> int:
    found = _NEXT_MARKER.search(data, start)
    return found.start() if found else len(data)


def _kept(segment: bytes, marker: int) -> bytes | None:
    """This will return the segment or what remains of it, empty for metadata, None for what we do not know."""
    if marker == _SCAN or marker in _TABLES or marker in _FRAMES:
        return segment
    if marker == 0xE0:
        return _jfif(segment)
    if marker == 0xEE:
        return segment if segment[4:9] == b"Adobe" and len(segment) == 16 else b""
    return b"" if marker in _DROPPED else None


def _jfif(segment: bytes) -> bytes:
    """This will keep a JFIF header without its thumbnail; JFXX is nothing but a thumbnail."""
    if segment[4:9] != b"JFIF\0" or len(segment) < 18:
        return b""
    return b"\xff\xe0\x00\x10" + segment[4:16] + b"\x00\x00"
