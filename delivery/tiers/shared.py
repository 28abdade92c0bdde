"""The tier shared by all machines: Redis through django-redis."""

from __future__ import annotations

import structlog
from django.core.cache import BaseCache

from delivery.entry import DamagedEntry, Entry, pack, unpack
from delivery.variants import VariantKey

log = structlog.get_logger("delivery.redis")

LARGEST_BYTES = 1_000_000
TIMEOUT_SECONDS = 7 * 86_400


class SharedTier:
    """Variants in a cache, as checked bytes; what is too large for it is left to the storage tier."""

    name = "redis"

    def __init__(self, cache: BaseCache) -> None:
        self._cache = cache

    def get(self, key: VariantKey) -> Entry | None:
        data = self._cache.get(_cache_key(key))
        if data is None:
            return None
        try:
            return unpack(key.name, data)
        except (DamagedEntry, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("damaged variant", key=key.path, reason=str(error))
            self._cache.delete(_cache_key(key))
            return None

    def put(self, key: VariantKey, entry: Entry) -> None:
        if len(entry.body) <= LARGEST_BYTES:
            self._cache.set(_cache_key(key), pack(key.name, entry), timeout=TIMEOUT_SECONDS)

    def purge(self, digest: str) -> None:
        self._cache.delete_pattern(f"variant:{digest}:*")  # type: ignore[attr-defined]


def _cache_key(key: VariantKey) -> str:
    return f"variant:{key.digest}:{key.name}"
