"""The fastest tier: this process's memory, least recently used out first."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from assets.locks import Lease
from delivery.entry import Entry
from delivery.variants import VariantKey

# What a key, an entry and their places in the tables take besides the body.
OVERHEAD_BYTES = 600
# How long a draft, or one whose figures are still to come, is answered before the slower tiers are asked again.
UNSETTLED_SECONDS = 2.0
# One picture may take this share: a few huge ones must not push everything else out.
LARGEST_SHARE = 8


class MemoryTier:
    """A byte-bounded LRU. Its entries are not hash-checked: that would cost twice the rest of a hit."""

    name = "memory"

    def __init__(self, max_bytes: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.max_bytes = max_bytes
        self._clock = clock
        self._until: dict[VariantKey, float] = {}
        self.byte_size = 0
        self._entries: OrderedDict[VariantKey, Entry] = OrderedDict()
        self._by_digest: dict[str, set[VariantKey]] = {}
        self._lock = threading.Lock()

    @property
    def entry_count(self) -> int:
        return len(self._entries)

    def get(self, key: VariantKey) -> Entry | None:
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            if not entry.receipt.is_settled and self._clock() >= self._until[key]:
                self._drop(key)
                return None
            self._entries.move_to_end(key)
            return entry

    def seconds_left(self, key: VariantKey) -> float:
        """This will say for how long an entry that is not settled is still given; 0: it is not here."""
        with self._lock:
            until = self._until.get(key)
        return 0.0 if until is None else max(0.0, until - self._clock())

    def put(self, key: VariantKey, entry: Entry, lease: Lease | None = None) -> None:
        size = len(entry.body) + OVERHEAD_BYTES
        with self._lock:
            self._drop(key)
            if size > self.max_bytes // LARGEST_SHARE:
                return
            self._entries[key] = entry
            if not entry.receipt.is_settled:
                self._until[key] = self._clock() + UNSETTLED_SECONDS
            self._by_digest.setdefault(key.digest, set()).add(key)
            self.byte_size += size
            while self.byte_size > self.max_bytes:
                self._drop(next(iter(self._entries)))

    def purge(self, *digests: str) -> None:
        with self._lock:
            for digest in digests:
                for key in list(self._by_digest.get(digest, ())):
                    self._drop(key)

    def _drop(self, key: VariantKey) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self._until.pop(key, None)
        self.byte_size -= len(entry.body) + OVERHEAD_BYTES
        siblings = self._by_digest[key.digest]
        siblings.discard(key)
        if not siblings:
            del self._by_digest[key.digest]
