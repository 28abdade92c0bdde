"""Which format some bytes are, by our own table of magic bytes: a decoder is only ever called by its name.

Nothing here trusts a file name or a Content-Type, and no library is asked to guess.
"""

from __future__ import annotations

from pipeline.errors import NotAnImage, UnsupportedFormat

SNIFF_BYTES = 512
"""As many bytes of a file's start as `sniff` looks at."""

ACCEPTED = ("jpeg", "png", "webp", "avif", "gif", "tiff", "bmp", "ico")

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00", "tiff"),  # BigTIFF
    (b"MM\x00+", "tiff"),
    (b"\x00\x00\x01\x00", "ico"),
)

_EXPORT = "export the picture as JPEG, PNG or WebP"
_REFUSED: tuple[tuple[bytes, str, str], ...] = (
    (b"\xff\x0a", "JPEG XL", _EXPORT),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "JPEG XL", _EXPORT),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000", _EXPORT),
    (b"\xff\x4f\xff\x51", "JPEG 2000", _EXPORT),
    (b"%PDF-", "PDF", "export the page as PNG or TIFF"),
    (b"%!PS", "EPS or PostScript", "export the drawing as PNG"),
    (b"\xc5\xd0\xd3\xc6", "EPS", "export the drawing as PNG"),
    (b"8BPS", "Photoshop", "export the picture as TIFF or PNG"),
    (b"8BPB", "Photoshop", "export the picture as TIFF or PNG"),
    (b"gimp xcf", "GIMP", "export the picture as TIFF or PNG"),
    (b"\x00\x00\x02\x00", "cursor (CUR)", "export the picture as PNG or ICO"),
    (b"\x01\xda", "SGI", "export the picture as PNG or TIFF"),
    (b"v/1\x01", "OpenEXR", "export the picture as 16-bit TIFF or PNG"),
    (b"#?RADIANCE", "Radiance HDR", "export the picture as 16-bit TIFF or PNG"),
    (b"\xd7\xcd\xc6\x9a", "Windows metafile", "export the drawing as PNG"),
    (b"FORM", "IFF", _EXPORT),
    (b"qoif", "QOI", "export the picture as PNG"),
    (b"IIRO", "camera raw", "develop the photo and export it as JPEG or TIFF"),
    (b"FUJIFILMCCD-RAW", "camera raw", "develop the photo and export it as JPEG or TIFF"),
)

_DOCUMENTS = frozenset({"PDF", "EPS or PostScript", "EPS"})
"""What is printed, not a picture."""

_AVIF_BRANDS = frozenset({b"avif"})
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})


def sniff(head: bytes) -> str:
    """This will name the format of a file from its first `SNIFF_BYTES` bytes.

    Raises `UnsupportedFormat`, which says what to do instead, or `NotAnImage`.

    >>> sniff(b"GIF89a\\x01\\x00\\x01\\x00")
    'gif'
    """
    head = bytes(head[:SNIFF_BYTES])
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp":
        return _sniff_ftyp(head)
    if _is_bmp(head):
        return "bmp"
    for magic, what, advice in _REFUSED:
        if head.startswith(magic):
            raise _unsupported(what, advice)
    if _is_svg(head):
        raise _unsupported("SVG", "it is sharp at every size already: serve it as it is, or export it as PNG")
    if head[:1] == b"P" and head[1:2] in b"1234567fF" and head[2:3].isspace():
        raise _unsupported("Netpbm", "export the picture as PNG")
    if head[:1] == b"\x0a" and head[1:2] in b"\x00\x02\x03\x04\x05" and head[2:3] == b"\x01":
        raise _unsupported("PCX", "export the picture as PNG")
    raise NotAnImage(f"Expected {_accepted_text()} for the file, received {_describe(head)}.")


def _sniff_ftyp(head: bytes) -> str:
    box_size = int.from_bytes(head[:4], "big")
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(box_size, len(head)) - 3, 4))]
    if brands[0] == b"avis":
        # A sequence may hold a still beside its film; libvips 8.18 opens neither.
        raise _unsupported("AVIF sequence", "export one frame as AVIF, or the animation as WebP")
    if brands[0] in _HEIC_BRANDS:
        raise _unsupported("HEIC", "export the photo as JPEG or AVIF")
    if _AVIF_BRANDS.intersection(brands):
        return "avif"
    if _HEIC_BRANDS.intersection(brands) or brands[0] in (b"mif1", b"msf1"):
        raise _unsupported("HEIC", "export the photo as JPEG or AVIF")
    if brands[0] == b"crx ":
        raise _unsupported("camera raw", "develop the photo and export it as JPEG or TIFF")
    raise NotAnImage(f"Expected {_accepted_text()} for the file, received a video or other media container.")


def _is_bmp(head: bytes) -> bool:
    # "BM" alone is two letters of text; the header's size tells a bitmap from them.
    return head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in (12, 16, 40, 52, 56, 64, 108, 124)


def _is_svg(head: bytes) -> bool:
    text = head.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\x00").replace(b"\x00", b"").lower()
    return text.startswith((b"<svg", b"<?xml", b"<!doctype svg")) or (text.startswith(b"<!--") and b"<svg" in text)


def _unsupported(what: str, advice: str) -> UnsupportedFormat:
    kind = NotAnImage if what in _DOCUMENTS else UnsupportedFormat
    return kind(f"{what} pictures are not accepted: {advice}.")


def _accepted_text() -> str:
    return "a JPEG, PNG, WebP, AVIF, GIF, TIFF, BMP or ICO picture"


def _describe(head: bytes) -> str:
    return "an empty file" if not head else f"{head[:8]!r} at its start"
