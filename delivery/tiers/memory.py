"""The fastest tier: this process's memory, least recently used out first."""

from __future__ import annotations

import threading
from collections import OrderedDict

from delivery.entry import Entry
from delivery.variants import VariantKey

# What a key, an entry and their places in the tables take besides the body.
OVERHEAD_BYTES = 600
# One picture may take this share: a few huge ones must not push everything else out.
LARGEST_SHARE = 8


class MemoryTier:
    """A byte-bounded LRU. Its entries are not hash-checked: that would cost twice the rest of a hit."""

    name = "memory"

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.byte_size = 0
        self._entries: OrderedDict[VariantKey, Entry] = OrderedDict()
        self._by_digest: dict[str, set[VariantKey]] = {}
        self._lock = threading.Lock()

    def get(self, key: VariantKey) -> Entry | None:
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
            return entry

    def put(self, key: VariantKey, entry: Entry) -> None:
        size = len(entry.body) + OVERHEAD_BYTES
        with self._lock:
            self._drop(key)
            if size > self.max_bytes // LARGEST_SHARE:
                return
            self._entries[key] = entry
            self._by_digest.setdefault(key.digest, set()).add(key)
            self.byte_size += size
            while self.byte_size > self.max_bytes:
                self._drop(next(iter(self._entries)))

    def purge(self, digest: str) -> None:
        with self._lock:
            for key in list(self._by_digest.get(digest, ())):
                self._drop(key)

    def _drop(self, key: VariantKey) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self.byte_size -= len(entry.body) + OVERHEAD_BYTES
        siblings = self._by_digest[key.digest]
        siblings.discard(key)
        if not siblings:
            del self._by_digest[key.digest]
