"""The bytes of masters, from whichever storage into a folder, and from there into whichever storage."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from django.core.files import File
from django.core.files.storage import storages

from assets.models import Blob
from imgopt.backup.manifest import CHUNK_BYTES, MASTERS, NotRestored, sha256_of


def copied(using: str) -> Iterable[Blob]:
    """This will give the blobs whose bytes lie in our storage; others lie at their origins."""
    return Blob.objects.using(using).filter(is_copied=True).only("id", "digest").order_by("id").iterator(1000)


def save(blob: Blob, folder: Path) -> int | None:
    """This will copy the bytes of a blob, and give their number; `None`: they are missing, or not what came."""
    target = folder / MASTERS / blob.storage_name
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.part")
    digest, number = hashlib.sha256(), 0
    try:
        with storages["masters"].open(blob.storage_name) as source, fresh.open("wb") as copy:
            while chunk := source.read(CHUNK_BYTES):
                digest.update(chunk)
                copy.write(chunk)
                number += len(chunk)
    except FileNotFoundError:
        fresh.unlink(missing_ok=True)
        return None
    if digest.hexdigest() != blob.digest:
        fresh.unlink()
        return None
    fresh.replace(target)
    return number


def check(folder: Path, digests: Iterable[tuple[str, str]]) -> int:
    """This will hold every file of the backup to its digest, and give their number."""
    number = 0
    for name, digest in digests:
        file = folder / MASTERS / name
        if not file.is_file() or sha256_of(file) != digest:
            raise NotRestored(f"The bytes of master {name} are not what the backup says: it is damaged.")
        number += 1
    return number


def put_back(folder: Path, name: str, digest: str) -> None:
    """This will store one master's bytes, and read them again to see that they are there."""
    with (folder / MASTERS / name).open("rb") as source:
        storages["masters"].save(name, File(source, name))
    if not is_stored(name, digest):
        raise NotRestored(f"The storage did not keep the bytes of master {name}.")


def is_stored(name: str, digest: str) -> bool:
    seen = hashlib.sha256()
    try:
        with storages["masters"].open(name) as stored:
            while chunk := stored.read(CHUNK_BYTES):
                seen.update(chunk)
    except FileNotFoundError:
        return False
    return seen.hexdigest() == digest
