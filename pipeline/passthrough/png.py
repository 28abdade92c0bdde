"""PNG chunks (PNG 3rd edition, 5): what the pixels need stays."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_COLOUR = frozenset({b"iCCP", b"cICP", b"sRGB", b"gAMA", b"cHRM"})
_ANIMATION = frozenset({b"acTL", b"fcTL", b"fdAT"})
_METADATA = frozenset({b"iCCP", b"eXIf", b"iTXt"})
_HEADER_END = 33


def strip_png(data: bytes, *, colour: bool = False) -> bytes | None:
    """This will keep header, palette, transparency and pixels.

    Colour chunks go too, unless asked for: the caller has found that the picture is sRGB by them. An animated PNG is
    none of ours.
    """
    stays = _KEPT | _COLOUR if colour else _KEPT
    if data[:8] != _SIGNATURE or data[12:16] != b"IHDR":
        return None
    kept, at = [_SIGNATURE], 8
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        if end > len(data) or kind in _ANIMATION:
            return None
        if kind in stays:
            kept.append(data[at:end])
        elif not kind[0] & 0x20:  # an unknown chunk that decoding needs
            return None
        if kind == b"IEND":
            return b"".join(kept)
        at = end
    return None


def with_xmp(png: bytes, xmp: bytes) -> bytes:
    """This will put a packet behind the header (XMP part 3, 1.1.5), compressed as it likes to be; none is empty."""
    if not xmp:
        return png
    content = b"iTXtXML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(xmp)
    chunk = struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
    return png[:_HEADER_END] + chunk + png[_HEADER_END:]


def with_metadata_of(other: bytes, png: bytes) -> bytes:
    """This will put another PNG's profile, EXIF and text behind the header of this one; both were written here."""
    return (
        png[:_HEADER_END] + b"".join(chunk for kind, chunk in _chunks(other) if kind in _METADATA) + png[_HEADER_END:]
    )


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at < len(png):
        end = at + 12 + int.from_bytes(png[at : at + 4], "big")
        yield png[at + 4 : at + 8], png[at:end]
        at = end
