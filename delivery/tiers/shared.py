"""The tier shared by all machines: Redis through django-redis."""

from __future__ import annotations

import structlog
from django.core.cache import BaseCache
from django_redis.serializers.base import BaseSerializer

from delivery import counters
from delivery.entry import DamagedEntry, Entry, pack, unpack
from delivery.variants import VariantKey

log = structlog.get_logger("delivery.redis")

LARGEST_BYTES = 1_000_000
TIMEOUT_SECONDS = 7 * 86_400
# Keys looked at by one step of a purge: with Redis's own 10, a million variants would take 100,000 calls.
SCAN_STEP = 1000


class PlainBytes(BaseSerializer):  # type: ignore[misc]
    """Leaves values as they are. django-redis pickles by default, and to unpickle what stands in a shared Redis is to
    run whatever somebody has put there."""

    def dumps(self, value: bytes) -> bytes:
        return value

    def loads(self, value: bytes) -> bytes:
        return value


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
        except DamagedEntry as error:
            log.warning("damaged variant", key=key.path, reason=str(error))
            counters.DAMAGED.labels(self.name).inc()
            self._cache.delete(_cache_key(key))
            return None

    def put(self, key: VariantKey, entry: Entry) -> None:
        if len(entry.body) <= LARGEST_BYTES:
            self._cache.set(_cache_key(key), pack(key.name, entry), timeout=TIMEOUT_SECONDS)

    def purge(self, *digests: str) -> None:
        """One walk through all of Redis's keys, however many digests."""
        if len(digests) == 1:
            self._cache.delete_pattern(f"variant:{digests[0]}:*", itersize=SCAN_STEP)  # type: ignore[attr-defined]
        elif digests:
            gone = frozenset(digests)
            names = self._cache.iter_keys("variant:*", itersize=SCAN_STEP)  # type: ignore[attr-defined]
            self._cache.delete_many([name for name in names if name.split(":")[1] in gone])


def _cache_key(key: VariantKey) -> str:
    return f"variant:{key.digest}:{key.name}"
