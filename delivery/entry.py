"""A rendition as the tiers keep it, and its one form as bytes: length- and hash-checked, never a pickle."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import cast

from pipeline.receipt import Receipt, read_receipt, receipt_of
from pipeline.rendition import CONTENT_TYPES, Rendition
from pipeline.spec import Format

MAGIC = b"imgopt-variant-2"


class DamagedEntry(Exception):
    """These bytes are no entry, or not the one that was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    body: bytes
    format: Format
    width: int
    height: int
    etag: str
    """Quoted; a digest of the body."""
    receipt: Receipt
    max_bytes_met: bool | None = None
    """Whether it has at most the bytes asked for by `max-bytes`; None where that was not asked."""

    @property
    def content_type(self) -> str:
        return CONTENT_TYPES[self.format]


def entry_of(rendition: Rendition) -> Entry:
    return Entry(
        body=rendition.body,
        format=rendition.format,
        width=rendition.width,
        height=rendition.height,
        etag=etag_of(rendition.body),
        receipt=receipt_of(rendition),
        max_bytes_met=rendition.max_bytes_met,
    )


def etag_of(body: bytes) -> str:
    return f'"{urlsafe_b64encode(hashlib.sha256(body).digest()[:16]).rstrip(b"=").decode()}"'


def pack(name: str, entry: Entry) -> bytes:
    """This will write magic, SHA-256 of all that follows, a line of JSON that names the variant, and the body."""
    facts = {
        "name": name,
        "format": entry.format,
        "width": entry.width,
        "height": entry.height,
        "length": len(entry.body),
        "receipt": entry.receipt.as_dict(),
    }
    if entry.max_bytes_met is not None:
        facts["maxBytesMet"] = entry.max_bytes_met
    rest = json.dumps(facts, separators=(",", ":")).encode() + b"\n" + entry.body
    return b"%s %s\n%s" % (MAGIC, hashlib.sha256(rest).hexdigest().encode(), rest)


def unpack(name: str, data: bytes) -> Entry:
    """This will raise `DamagedEntry` unless these are the whole, unchanged bytes of the variant called `name`."""
    try:
        return _unpacked(name, data)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DamagedEntry("not written by us") from error


def _unpacked(name: str, data: bytes) -> Entry:
    first, _, rest = data.partition(b"\n")
    magic, _, digest = first.partition(b" ")
    if magic != MAGIC or digest != hashlib.sha256(rest).hexdigest().encode():
        raise DamagedEntry("the hash does not match")
    line, _, body = rest.partition(b"\n")
    facts = json.loads(line)
    if facts["name"] != name or facts["length"] != len(body):
        raise DamagedEntry("another variant's bytes")
    if facts["format"] not in CONTENT_TYPES:
        raise DamagedEntry("an unknown format")
    if not isinstance(facts.get("maxBytesMet"), bool | None):
        raise DamagedEntry("neither met nor unmet")
    return Entry(
        body=body,
        format=cast(Format, facts["format"]),
        width=int(facts["width"]),
        height=int(facts["height"]),
        etag=etag_of(body),
        receipt=read_receipt(facts["receipt"]),
        max_bytes_met=facts.get("maxBytesMet"),
    )
