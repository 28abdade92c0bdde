"""WebP's RIFF chunks (RFC 9649, 2): pictures and frames stay, metadata and its flags go."""

from __future__ import annotations

_PICTURE = frozenset({b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"})
_FRAME = frozenset({b"VP8 ", b"VP8L", b"ALPH"})
_METADATA_FLAGS = 0x20 | 0x08 | 0x04
"""ICC profile, EXIF, XMP in VP8X."""


def strip_webp(data: bytes) -> bytes | None:
    """This will keep the picture's chunks and clear the flags of those that go."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return None
    end = 8 + int.from_bytes(data[4:8], "little")
    chunks = _chunks(data, 12, end) if end <= len(data) else None
    if not chunks:
        return None
    kept = b""
    for kind, content in chunks:
        if kind == b"VP8X" and len(content) == 10:
            content = bytes([content[0] & ~_METADATA_FLAGS & 0xFF]) + content[1:]
        elif kind == b"ANMF" and not _is_plain_frame(content):
            return None
        elif kind not in _PICTURE:
            continue
        kept += kind + len(content).to_bytes(4, "little") + content + bytes(len(content) % 2)
    return b"RIFF" + (4 + len(kept)).to_bytes(4, "little") + b"WEBP" + kept


def count_frames(data: bytes, stop: int) -> int:
    """This will count the frames of an animation, giving up beyond `stop`.

    libvips walks a list for each of them: a file of 40,000 tiny frames takes it 10 seconds to open.
    """
    at, count = 12, 0
    while at + 8 <= len(data) and count <= stop:
        count += data[at : at + 4] == b"ANMF"
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size + size % 2
    return count


def _is_plain_frame(content: bytes) -> bool:
    chunks = _chunks(content, 16, len(content))
    return bool(chunks) and all(kind in _FRAME for kind, _ in chunks or [])


def _chunks(data: bytes, start: int, end: int) -> list[tuple[bytes, bytes]] | None:
    result, at = [], start
    while at + 8 <= end:
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 + size > end:
            return None
        result.append((data[at : at + 4], data[at + 8 : at + 8 + size]))
        at += 8 + size + size % 2
    return result
