"""GIF blocks (GIF89a, 1990): frames and the loop count stay, comments and other extensions go."""

from __future__ import annotations

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_CONTROL, _COMMENT, _APPLICATION = 0xF9, 0xFE, 0xFF
_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_HEADER_BYTES = 13


def strip_gif(data: bytes) -> bytes | None:
    """This will keep header, colour tables, frames with their timing, and how often they loop."""
    if data[:6] not in (b"GIF87a", b"GIF89a") or len(data) < _HEADER_BYTES:
        return None
    at = _start_of_blocks(data)
    kept = [data[:at]]
    while at < len(data):
        if data[at] == _TRAILER:
            return b"".join([*kept, b"\x3b"])
        end = _end_of_block(data, at)
        if end is None or end > len(data):
            return None
        stays = _stays(data, at)
        if stays is None:
            return None
        if stays:
            kept.append(data[at:end])
        at = end
    return None


def is_cut_short(data: bytes) -> bool:
    """This will tell whether the file ends in the middle of a block.

    libvips shows such a frame half drawn and says nothing, however strict it is told to be. A missing trailer is no
    fault: many writers forget it.
    """
    if len(data) < _HEADER_BYTES:
        return True
    at = _start_of_blocks(data)
    while at < len(data) and data[at] != _TRAILER:
        end = _end_of_block(data, at)
        if end is None:
            return False  # no block begins here; viewers stop here as well
        at = end
    return at > len(data)


def _start_of_blocks(data: bytes) -> int:
    return _HEADER_BYTES + _colour_table_bytes(data[10])


def _end_of_block(data: bytes, at: int) -> int | None:
    """This will return where the block ends, which is past the data if it is cut short; None: no block begins here."""
    if data[at] == _EXTENSION:
        return _end_of_sub_blocks(data, at + 2)
    if data[at] != _IMAGE:
        return None
    flags = data[at + 9] if at + 9 < len(data) else 0
    return _end_of_sub_blocks(data, at + 11 + _colour_table_bytes(flags))


def _stays(data: bytes, at: int) -> bool | None:
    """This will tell whether a whole block is kept; None for an extension that might draw something."""
    if data[at] == _IMAGE or data[at + 1] == _CONTROL:
        return True
    if data[at + 1] == _APPLICATION:
        return data[at + 3 : at + 14] in _LOOPS
    return False if data[at + 1] == _COMMENT else None


def _colour_table_bytes(flags: int) -> int:
    return int(3 * 2 ** ((flags & 7) + 1)) if flags & 0x80 else 0


def _end_of_sub_blocks(data: bytes, at: int) -> int:
    while at < len(data):
        if data[at] == 0:
            return at + 1
        at += 1 + data[at]
    return len(data) + 1
