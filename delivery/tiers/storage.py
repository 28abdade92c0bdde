"""The lasting tier: a Django storage, on disk or S3."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from django.core.files.base import ContentFile
from django.core.files.storage import Storage

from assets.eviction import Evictor
from assets.locks import Lease
from assets.s3.kind import is_s3
from delivery import counters
from delivery.entry import DamagedEntry, Entry, pack, unpack
from delivery.tiers import Tier
from delivery.variants import VariantKey

if TYPE_CHECKING:
    from assets.s3.storage import SharedS3Storage

log = structlog.get_logger("delivery.storage")


class StorageTier:
    """Variants as files named by their key; a damaged or foreign file is a miss and is removed."""

    name = "storage"

    def __init__(self, storage: Storage, *, evictor: Evictor | None = None) -> None:
        self._storage = storage
        self._evictor = evictor

    def get(self, key: VariantKey) -> Entry | None:
        try:
            with self._storage.open(key.path) as file:
                data = file.read()
        except FileNotFoundError:
            return None
        entry = unpacked(key, data)
        if entry is None:
            self._storage.delete(key.path)
        elif self._evictor is not None:
            _note_use(self._storage.path(key.path))
        return entry

    def put(self, key: VariantKey, entry: Entry, lease: Lease | None = None) -> None:
        data = pack(key.name, entry)
        self._storage.save(key.path, ContentFile(data))
        if self._evictor is not None:
            self._evictor.wrote(len(data))

    def purge(self, *digests: str) -> None:
        for digest in digests:
            self._purge_one(digest)

    def _purge_one(self, digest: str) -> None:
        folder = folder_of(digest)
        try:
            _, names = self._storage.listdir(folder)
        except FileNotFoundError:
            return
        for name in names:
            self._storage.delete(f"{folder}/{name}")
        if self._evictor is not None:
            _remove_empty(Path(self._storage.path(folder)))


class BucketTier:
    """The same on S3, where other machines write too and no lock of ours reaches: a write says what it replaces.

    A draft never takes the place of anything, and nothing is overwritten that was not seen. (Ceph 16.2, MinIO and
    Amazon hold to that; who ignores the condition, as GCS does, is as if the last had come first.)
    """

    name = "storage"

    def __init__(self, storage: SharedS3Storage) -> None:
        self._storage = storage

    def get(self, key: VariantKey) -> Entry | None:
        try:
            data = self._storage.read(key.path).data
        except FileNotFoundError:
            return None
        entry = unpacked(key, data)
        if entry is None:
            self._storage.delete(key.path)
        return entry

    def put(self, key: VariantKey, entry: Entry, lease: Lease | None = None) -> None:
        data = pack(key.name, entry)
        if self._storage.put_new(key.path, data):
            return
        try:
            there = self._storage.read(key.path)
        except FileNotFoundError:  # purged since
            self._storage.put_new(key.path, data)
            return
        known = unpacked(key, there.data)
        if there.data == data or (known is not None and _outranks(known, entry)):
            return
        if not self._storage.replace(key.path, data, there.etag):
            log.info("another machine was first", key=key.path)

    def purge(self, *digests: str) -> None:
        for digest in digests:
            self._storage.delete_many([each.name for each in self._storage.listed(f"{folder_of(digest)}/")])


def lasting_tier(storage: Storage, max_bytes: int) -> Tier:
    """This will give the tier for a storage. `max_bytes` bounds a local disk; a bucket has its lifecycle."""
    if is_s3(storage):
        return BucketTier(storage)
    return StorageTier(storage, evictor=Evictor(Path(storage.path("")), max_bytes))


def folder_of(digest: str) -> str:
    """Where the variants of a master's bytes are, see `VariantKey.path`."""
    return f"{digest[:2]}/{digest}"


def unpacked(key: VariantKey, data: bytes) -> Entry | None:
    """This will give an entry, or `None` and count where its bytes are not whole, not ours or not this variant's."""
    try:
        return unpack(key.name, data)
    except DamagedEntry as error:
        log.warning("damaged variant", key=key.path, reason=str(error))
        counters.DAMAGED.labels(StorageTier.name).inc()
        return None


def _outranks(known: Entry, entry: Entry) -> bool:
    """A final outranks a draft, and what is known of the same bytes, once it is all, what is known of them again."""
    if entry.receipt.provisional:
        return True
    return known.etag == entry.etag and known.receipt.is_settled


def _note_use(path: str) -> None:
    """Eviction goes by the last use, which is kept as the file's time of change."""
    with suppress(FileNotFoundError):  # purged since we read it
        os.utime(path)


def _remove_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return  # somebody is writing a variant there at this moment
