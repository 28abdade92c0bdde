"""The tier shared by all machines: Redis.

All variants of a master lie in one hash, so that a purge is one call however many keys Redis has, and no list of names
beside them can be evicted before what it names. A draft has a field of its own: it cannot take a final's place.
"""

from __future__ import annotations

from typing import Any, Final

import structlog
from redis import RedisError, ResponseError

from assets.locks import Lease
from delivery import counters
from delivery.breaker import Breaker
from delivery.entry import DamagedEntry, Entry, pack, unpack
from delivery.variants import VariantKey

log = structlog.get_logger("delivery.redis")

DRAFT: Final = ":draft"
PURGED_SECONDS: Final = 3600
"""So long it is known that a master was purged, which is longer than any lease is good for."""
STEP: Final = 500
"""Masters of one call of a purge, and keys looked at by one of `clear`."""

# A lease that began before the purge, or after which another one was given, writes nothing. Without one the moment of
# writing counts.
PUT: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local fence = ARGV[4] == '' and now or tonumber(ARGV[4])
if ARGV[4] ~= '' then
  local last = redis.call('GET', KEYS[3])
  if last and last ~= ARGV[4] or fence < now - ARGV[5] * 1000 then return 0 end
end
local purged = tonumber(redis.call('GET', KEYS[2]) or 0)
if fence <= purged then return 0 end
if ARGV[2] == '1' then
  if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then return 0 end
  redis.call('HSET', KEYS[1], ARGV[1] .. ':draft', ARGV[3])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
  redis.call('HDEL', KEYS[1], ARGV[1] .. ':draft')
end
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return 1
"""
PURGE: Final = """
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
for place = 1, #KEYS, 2 do
  redis.call('UNLINK', KEYS[place])
  redis.call('SET', KEYS[place + 1], now, 'PX', ARGV[1])
end
"""


class SharedTier:
    """Variants as checked bytes; what is too large for it is left to the storage tier."""

    name = "redis"

    def __init__(self, client: Any, prefix: str, *, max_bytes: int, keep_seconds: int) -> None:
        """`client` is a `delivery.redis_link.Client`."""
        self._client = client
        self._prefix = prefix
        self._max_bytes = max_bytes
        self._keep_ms = 1000 * keep_seconds
        self._put, self._purge = client.register_script(PUT), client.register_script(PURGE)

    @property
    def breaker(self) -> Breaker:
        return self._client.connection_pool.breaker  # type: ignore[no-any-return]

    def get(self, key: VariantKey) -> Entry | None:
        place = self._variants(key.digest)
        try:
            final, draft = self._client.hmget(place, key.name, key.name + DRAFT)
        except ResponseError as error:  # what stands there is no hash
            self._drop(key, str(error), whole=True)
            return None
        data, field = (draft, key.name + DRAFT) if final is None else (final, key.name)
        if data is None:
            return None
        try:
            return unpack(key.name, data)
        except DamagedEntry as error:
            self._drop(key, str(error), field)
            return None

    def put(self, key: VariantKey, entry: Entry, lease: Lease | None = None) -> None:
        """Where the lease is of this machine only, Redis had failed when it was given: what another machine has done
        meanwhile is not known, and nothing is written."""
        if len(entry.body) > self._max_bytes or (lease is not None and lease.fence is None):
            return
        fence, fence_key = ("", "") if lease is None else (lease.fence, lease.fence_key)
        provisional = int(entry.receipt.provisional)
        self._put(
            keys=[self._variants(key.digest), self._purged(key.digest), fence_key],
            args=[key.name, provisional, pack(key.name, entry), fence, 1000 * PURGED_SECONDS, self._keep_ms],
        )

    def purge(self, *digests: str) -> None:
        """What fails here is trouble of the breaker's, by which `delivery.purge` repeats it later."""
        for start in range(0, len(digests), STEP):
            keys = [
                name
                for digest in digests[start : start + STEP]
                for name in (self._variants(digest), self._purged(digest))
            ]
            try:
                self._purge(keys=keys, args=[1000 * PURGED_SECONDS])
            except ResponseError:  # it answers and writes nothing: a replica, or a disk that it cannot save to
                self.breaker.troubled()
                raise

    def answers(self) -> bool:
        """This will ask Redis for a sign of life, which is also the trial after a rest."""
        try:
            return bool(self._client.ping())
        except RedisError:
            return False

    def clear(self) -> None:
        """This will forget everything, in a walk through all of Redis's keys: two calls for each `STEP` of them."""
        cursor = None
        while cursor != 0:
            cursor, names = self._client.scan(cursor or 0, match=self._variants("*"), count=STEP)
            if names:
                self._client.unlink(*names)

    def _drop(self, key: VariantKey, reason: str, *fields: str, whole: bool = False) -> None:
        log.warning("damaged variant", key=key.path, reason=reason)
        counters.DAMAGED.labels(self.name).inc()
        place = self._variants(key.digest)
        if whole:
            self._client.unlink(place)
        else:
            self._client.hdel(place, *fields)

    def _variants(self, digest: str) -> str:
        return f"{self._prefix}:variants:{digest}"

    def _purged(self, digest: str) -> str:
        return f"{self._prefix}:purged:{digest}"
