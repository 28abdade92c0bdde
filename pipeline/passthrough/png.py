"""PNG chunks (PNG 3rd edition, 5): what the pixels need stays."""

from __future__ import annotations

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_ANIMATION = frozenset({b"acTL", b"fcTL", b"fdAT"})


def strip_png(data: bytes) -> bytes | None:
    """This will keep header, palette, transparency and pixels.

    Colour chunks go too: the caller has found that the picture is sRGB by them. An animated PNG is none of ours.
    """
    if data[:8] != _SIGNATURE or data[12:16] != b"IHDR":
        return None
    kept, at = [_SIGNATURE], 8
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        if end > len(data) or kind in _ANIMATION:
            return None
        if kind in _KEPT:
            kept.append(data[at:end])
        elif not kind[0] & 0x20:  # an unknown chunk that decoding needs
            return None
        if kind == b"IEND":
            return b"".join(kept)
        at = end
    return None
