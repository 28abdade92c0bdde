"""The names a master may have."""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError

KEY = re.compile(r"[A-Za-z0-9_~-]+(?:/[A-Za-z0-9_~-]+)*")
ID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE)
KEY_LENGTH = 200
RESERVED = frozenset({"metadata", "purge", "srcset", "picture", "placeholder", "variants"})
"""What the REST API writes behind a master's reference."""
TAG = re.compile(r"[a-z0-9][a-z0-9_-]{0,49}")


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


def validate_key(key: str) -> None:
    """Keys go into signed URLs as they are: no dots (the decorative file name has one), nothing like an id."""
    if len(key) > KEY_LENGTH or not KEY.fullmatch(key):
        raise ValidationError(
            "Expected a path of letters, digits, -, _ and ~ such as products/shoe for key, received %(key)r.",
            params={"key": key[:40]},
        )
    if ID.fullmatch(key.split("/")[0]):
        raise ValidationError("Expected a key that cannot be taken for an id, received %(key)r.", params={"key": key})
    if key.split("/")[-1] in RESERVED:
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
