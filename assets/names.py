"""The names a master may have."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import unicodedata

from django.core.exceptions import ValidationError

from pipeline.colour_report import VIEWS

KEY = re.compile(r"[A-Za-z0-9_~-]+(?:/[A-Za-z0-9_~-]+)*")
ID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE)
KEY_LENGTH = 200
RESERVED = frozenset(
    {"metadata", "purge", "srcset", "picture", "placeholder", "variants", "receipts", "receipt", "colour"}
)
"""What the REST API writes behind a master's reference; and behind `colour`, one of `VIEWS`."""
TAG = re.compile(r"[a-z0-9][a-z0-9_-]{0,49}")
ORIGIN_REFERENCE = re.compile(r"@([a-z0-9][a-z0-9_-]{0,49})/([A-Za-z0-9._~/-]+)")
ORIGIN_PATH_BYTES = 512
"""Most bytes of UTF-8 that the path of a picture at its origin may have."""


def original_name(file_name: str) -> str:
    """This will make a safe base name without its last extension.

    >>> original_name("C:\\\\fotos\\\\Ein Bild (1).final.JPG")
    'Ein_Bild_1_.final'
    >>> original_name("...")
    'unknown'
    """
    base = re.split(r"[/\\]", file_name)[-1]
    stem, dot, _extension = base.rpartition(".")
    text = re.sub(r"_+", "_", re.sub(r"[^A-Za-z0-9._-]", "_", stem if dot else base))
    return text.strip("_.")[:128].strip("_.") or "unknown"


def origin_reference(origin: str, path: str) -> str:
    """This will write what names the picture at `path` of an origin, in characters that any URL may have.

    A path of other characters, or one that could be taken for something else, is written in base64url behind `~`.

    >>> origin_reference("shop", "summer/shoe.jpg")
    '@shop/summer/shoe.jpg'
    >>> origin_reference("shop", "rote schuhe.jpg")
    '@shop/~cm90ZSBzY2h1aGUuanBn'
    """
    plain = f"@{origin}/{path}"
    if ORIGIN_REFERENCE.fullmatch(plain) and path[0] != "~" and not ends_reserved(path):
        return plain
    return f"@{origin}/~{base64.urlsafe_b64encode(path.encode()).decode().rstrip('=')}"


def ends_reserved(path: str) -> bool:
    """Whether a path ends as the REST API's addresses do.

    >>> ends_reserved("shop/metadata"), ends_reserved("shop/colour/heat"), ends_reserved("shop/heat")
    (True, True, False)
    """
    *_, before, last = ("", *path.split("/"))
    return last in RESERVED or (before == "colour" and last in VIEWS)


def split_origin_reference(reference: str) -> tuple[str, str] | None:
    """This will give origin and path of such a reference; `None` for any other text.

    >>> split_origin_reference("@shop/~cm90ZSBzY2h1aGUuanBn")
    ('shop', 'rote schuhe.jpg')
    """
    match = ORIGIN_REFERENCE.fullmatch(reference)
    if match is None:
        return None
    origin, path = match.groups()
    if path[0] == "~":
        try:
            path = base64.b64decode(path[1:] + "=" * (-len(path[1:]) % 4), altchars=b"-_", validate=True).decode()
        except (binascii.Error, ValueError):
            return None
    return (origin, path) if is_origin_path(path) else None


def is_origin_path(path: str) -> bool:
    """Whether a path leads downwards only: no empty, `.` or `..` part, no control characters."""
    try:
        size = len(path.encode())
    except UnicodeEncodeError:  # half a surrogate pair, which a file system's odd bytes become
        return False
    if not 1 <= size <= ORIGIN_PATH_BYTES or re.search(r"[\x00-\x1f\x7f]", path):
        return False
    return not any(part in ("", ".", "..") for part in path.split("/"))


def key_from_path(path: str, prefix: str = "") -> str:
    """This will make a key of a file's path: without the extension, what a key cannot have replaced by `-`.

    >>> key_from_path("Sommer 2026/Rote Schühe.v2.jpg", "shop/")
    'shop/Sommer-2026/Rote-Schuhe-v2'
    """
    folder, slash, name = path.rpartition("/")
    stem, dot, _extension = name.rpartition(".")
    parts = [_key_part(part) for part in (folder + slash + (stem if dot and stem else name)).split("/")]
    key = prefix + "/".join(part for part in parts if part)
    if len(key) > KEY_LENGTH or ends_reserved(key) or ID.fullmatch(key.split("/")[0]):
        # Said of the whole path, so that what was cut off still makes a difference.
        key = f"{key[: KEY_LENGTH - 11].rstrip('/')}-{_short_digest(path)}"
    return key


def _key_part(part: str) -> str:
    plain = unicodedata.normalize("NFKD", part)
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    return re.sub(r"[^A-Za-z0-9_~-]+", "-", plain).strip("-") or (_short_digest(part) if part else "")


def _short_digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:10]


def validate_key(key: str) -> None:
    """Keys go into signed URLs as they are: no dots (the decorative file name has one), nothing like an id."""
    if len(key) > KEY_LENGTH or not KEY.fullmatch(key):
        raise ValidationError(
            "Expected a path of letters, digits, -, _ and ~ such as products/shoe for key, received %(key)r.",
            params={"key": key[:40]},
        )
    if ID.fullmatch(key.split("/")[0]):
        raise ValidationError("Expected a key that cannot be taken for an id, received %(key)r.", params={"key": key})
    if ends_reserved(key):
        raise ValidationError("Expected a key that does not end in the reserved word of %(key)r.", params={"key": key})


def validate_original_name(name: str) -> None:
    """A name that was changed by hand may have spaces and accents, but nothing that a file name cannot have."""
    if not name.isprintable() or re.search(r"[/\\]", name) or not name.strip(" ."):
        raise ValidationError(
            "Expected a name that a file could have for originalName, received %(name)r.", params={"name": name[:40]}
        )


def validate_tag(tag: str) -> None:
    if not TAG.fullmatch(tag):
        raise ValidationError(
            "Expected 1 to 50 characters a-z, 0-9, - and _ for a tag, received %(tag)r.", params={"tag": tag[:40]}
        )
