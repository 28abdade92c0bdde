"""The lasting tier: a Django storage, on disk or S3."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import structlog
from django.core.files.base import ContentFile
from django.core.files.storage import Storage

from delivery.entry import DamagedEntry, Entry, pack, unpack
from delivery.tiers.eviction import Evictor
from delivery.variants import VariantKey

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
        try:
            entry = unpack(key.name, data)
        except DamagedEntry as error:
            log.warning("damaged variant", key=key.path, reason=str(error))
            self._storage.delete(key.path)
            return None
        if self._evictor is not None:
            _note_use(self._storage.path(key.path))
        return entry

    def put(self, key: VariantKey, entry: Entry) -> None:
        data = pack(key.name, entry)
        self._storage.save(key.path, ContentFile(data))
        if self._evictor is not None:
            self._evictor.wrote(len(data))

    def purge(self, *digests: str) -> None:
        for digest in digests:
            self._purge_one(digest)

    def _purge_one(self, digest: str) -> None:
        folder = f"{digest[:2]}/{digest}"
        try:
            _, names = self._storage.listdir(folder)
        except FileNotFoundError:
            return
        for name in names:
            self._storage.delete(f"{folder}/{name}")
        if self._evictor is not None:
            _remove_empty(Path(self._storage.path(folder)))


def _note_use(path: str) -> None:
    """Eviction goes by the last use, which is kept as the file's time of change."""
    with suppress(FileNotFoundError):  # purged since we read it
        os.utime(path)


def _remove_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return  # somebody is writing a variant there at this moment
