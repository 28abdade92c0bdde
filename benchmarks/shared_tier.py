"""What Redis adds: a hit, the path of a miss, a purge among many other keys, a limit. In this process, no HTTP.

Redis: IMGOPT_BENCH_REDIS, which is database 15 of the one on the usual port. What is written there is removed again.
"""

from __future__ import annotations

import os
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.report import heading, line, save

REDIS_URL = os.environ.get("IMGOPT_BENCH_REDIS", "redis://127.0.0.1:6379/15")
BODY_BYTES = 40_000
TIMES = 2000
OTHER_KEYS = 100_000


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "imgopt.settings")
    os.environ.setdefault("IMGOPT_DATA_DIR", tempfile.mkdtemp(prefix="imgopt-bench-"))
    import django

    django.setup()
    from apikeys.limits import SqliteLimitStore
    from apikeys.shared_limits import SharedLimitStore
    from assets.locks import Lease
    from assets.locks.machine import machine_lock
    from assets.locks.shared import SharedLocks
    from delivery.entry import entry_of
    from delivery.redis_link import Client, Pool
    from delivery.tiers.memory import MemoryTier
    from delivery.tiers.shared import SharedTier
    from delivery.variants import VariantKey
    from pipeline.rendition import Rendition

    heading("shared_tier", f"what Redis adds to a variant of {BODY_BYTES // 1000} KB")
    client, prefix = Client(connection_pool=Pool.from_url(REDIS_URL)), f"bench-{secrets.token_hex(4)}"
    entry = entry_of(Rendition(body=os.urandom(BODY_BYTES), format="webp", width=800, height=600, seconds={}))
    key = VariantKey("d" * 64, "n" * 64)
    memory, shared = MemoryTier(10**9), SharedTier(client, prefix, max_bytes=10**6, keep_seconds=600)
    locks = SharedLocks(client, prefix)
    folder = Path(tempfile.mkdtemp(prefix="imgopt-bench-"))
    own = SqliteLimitStore(folder / "limits.sqlite3")
    among_all = SharedLimitStore(client, prefix, own)
    memory.put(key, entry)
    shared.put(key, entry)

    def miss(lease: Lease) -> None:
        """All that a miss asks of Redis besides its limit: two looks, whether the lease is lost, the write."""
        shared.get(absent)
        lease.is_lost()
        shared.put(absent, entry, lease)

    absent = VariantKey("e" * 64, "n" * 64)

    def with_redis() -> None:
        shared.get(absent)
        with machine_lock(folder / "lock", 1):
            lease = locks.acquire("lock", 1)
            miss(lease)
            locks.release(lease)
        client.unlink(f"{prefix}:variants:{absent.digest}")

    def without() -> None:
        with machine_lock(folder / "lock", 1):
            pass

    samples: dict[str, Any] = {}
    try:
        for name, call in {
            "hit in memory": lambda: memory.get(key),
            "hit in Redis": lambda: shared.get(key),
            "miss, one machine": without,
            "miss, with Redis": with_redis,
            "limit, SQLite": lambda: own.admit("a", 10**6, 10**6),
            "limit, Redis": lambda: among_all.admit("a", 10**6, 10**6),
        }.items():
            samples[name] = measured(call)
            tell(name, samples[name])
        fill(client, prefix)
        samples["purge"] = measured(lambda: shared.purge(key.digest), times=200)
        tell(f"purge among {OTHER_KEYS:,} others", samples["purge"])
        start = time.perf_counter()
        found = sum(1 for _ in client.scan_iter(f"{prefix}:variants:{key.digest}*", count=1000))
        samples["walk"] = time.perf_counter() - start
        line("a walk instead", f"{1000 * samples['walk']:.0f} ms for {found} found, the way it was before")
    finally:
        for name in client.scan_iter(f"{prefix}:*", count=1000):
            client.unlink(name)
    save("shared_tier", {"body_bytes": BODY_BYTES, **samples})


def measured(call: Callable[[], object], *, times: int = TIMES) -> list[float]:
    for _ in range(20):
        call()
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return seconds


def tell(name: str, seconds: list[float]) -> None:
    ordered = sorted(seconds)
    middle, late = statistics.median(ordered), ordered[int(len(ordered) * 0.99)]
    line(name, f"{1e6 * middle:.1f} µs, 99 of 100 within {1e6 * late:.0f} µs")


def fill(client: Any, prefix: str) -> None:
    with client.pipeline(transaction=False) as pipeline:
        for number in range(OTHER_KEYS):
            pipeline.set(f"{prefix}:other:{number}", b"x", ex=600)
            if number % 5000 == 4999:
                pipeline.execute()


if __name__ == "__main__":
    main()
