"""`dl=red shoe.jpg`: the picture is saved under this name instead of shown."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

from pipeline.errors import BadParameter
from pipeline.params import shown
from pipeline.spec import Format

MAX_LENGTH = 150
"""With four bytes a character and an extension still below the 255 × 3 that proxies and file systems take."""
EXTENSIONS: dict[Format, tuple[str, ...]] = {
    "avif": ("avif",),
    "webp": ("webp",),
    "jpeg": ("jpg", "jpeg", "jpe"),
    "png": ("png",),
    "gif": ("gif",),
}
PICTURES = frozenset(
    {
        *(word for words in EXTENSIONS.values() for word in words),
        "tif",
        "tiff",
        "bmp",
        "ico",
        "heic",
        "heif",
        "svg",
        "jxl",
    }
)
# RFC 8187's attr-char, besides letters and digits.
ATTR_CHAR = "!#$&+-.^_`|~"


def check_name(name: str) -> str:
    """This will raise `BadParameter` for what no file should be called; `isprintable` knows controls and bidi marks."""
    if not 1 <= len(name) <= MAX_LENGTH or not name.isprintable() or name[0] in ". " or re.search(r"[/\\]", name):
        raise BadParameter(
            f"Expected a file name of 1 to {MAX_LENGTH} printable characters without slashes that begins with neither "
            f"dot nor space for dl, received {shown(name)}."
        )
    return name


def disposition(name: str, kind: Format) -> str:
    """This will write `Content-Disposition` (RFC 6266): a plain name for old clients, and the true one.

    The extension follows the delivered format, for it is negotiated and whoever wrote the URL need not know it.

    >>> disposition("Schön.jpg", "webp")
    'attachment; filename="Schon.webp"; filename*=UTF-8\\'\\'Sch%C3%B6n.webp'
    """
    name = _with_extension(name, kind)
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9 ._+()=,@~-]", "_", plain)
    plain = f"picture{plain}" if plain[0] in ". " else plain  # of a name without any Latin letter
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe=ATTR_CHAR)}"


def _with_extension(name: str, kind: Format) -> str:
    stem, dot, extension = name.rpartition(".")
    if dot and extension.lower() in EXTENSIONS[kind]:
        return name
    return f"{stem if dot and extension.lower() in PICTURES else name}.{EXTENSIONS[kind][0]}"
