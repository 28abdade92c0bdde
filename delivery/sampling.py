"""Once a second a process writes down what is only true of the moment, and what its hits have added up to."""

from __future__ import annotations

import threading
import time
from multiprocessing.util import Finalize

import structlog
from django.db.models.signals import post_save
from django.db.transaction import on_commit

from assets import children
from assets.models import Master
from assets.signals import copy_damaged, master_damaged
from delivery import counters
from delivery.service import service
from delivery.tiers.guard import Guarded
from pipeline.pool import PoolCounters, RenderPool
from pipeline.version import fingerprint

log = structlog.get_logger("delivery.sampling")

# A scrape that another process answers is behind by this much at most.
INTERVAL_SECONDS = 1.0


class Sampler:
    """Brings the metrics of this process up to date."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool: RenderPool | None = None
        self._seen = PoolCounters()

    def sample(self) -> None:
        with self._lock:
            counters.flush()
            memory = service().memory
            counters.MEMORY_BYTES.set(memory.byte_size)
            counters.MEMORY_ENTRIES.set(memory.entry_count)
            for tier in service().lasting:
                if isinstance(tier, Guarded):
                    counters.TIER_RESTING.labels(tier.name).set(tier.is_resting)
            shared = service().shared
            counters.REDIS_RESTING.set(shared is not None and shared.breaker.is_resting)
            self._sample_pool(children.find_pool())

    def _sample_pool(self, pool: RenderPool | None) -> None:
        if pool is not self._pool:  # another one counts from 0
            self._pool, self._seen = pool, PoolCounters()
        counters.RENDERS_WAITING.set(0 if pool is None else pool.waiting)
        counters.RENDERS_RUNNING.set(0 if pool is None else pool.running)
        if pool is not None:
            now, seen = pool.counters, self._seen
            counters.CHILD_CRASHES.inc(now.crashes - seen.crashes)
            counters.CHILD_TIMEOUTS.inc(now.timeouts - seen.timeouts)
            counters.CHILD_RESTARTS.inc(now.restarts - seen.restarts)
            self._seen = now


SAMPLER = Sampler()


def start(version: str) -> None:
    """This will say that the process is there, and sample in a thread that ends with it."""
    counters.PROCESSES.set(1)
    counters.STARTED.set(time.time())
    counters.BUILD.labels(version, fingerprint()).set(1)
    SAMPLER.sample()
    Finalize(None, counters.flush, exitpriority=0)  # as in `delivery.pulse`
    threading.Thread(target=_run, name="imgopt-sampling", daemon=True).start()


def _run() -> None:
    pause = threading.Event()
    while True:
        pause.wait(INTERVAL_SECONDS)
        try:
            SAMPLER.sample()
        except Exception as error:
            log.warning("sampling failed", error=repr(error)[:200])


def count_master(instance: Master, *, created: bool, raw: bool, **_: object) -> None:
    if created and not raw:
        blob = instance.blob
        on_commit(lambda: _count_created(blob.format, blob.byte_size))


def _count_created(kind: str, byte_size: int) -> None:
    counters.MASTERS.labels(kind).inc()
    counters.MASTER_BYTES.labels(kind).inc(byte_size)


def count_damaged(**_: object) -> None:
    counters.DAMAGED.labels("masters").inc()


def count_damaged_copy(**_: object) -> None:
    counters.DAMAGED.labels("copies").inc()


master_damaged.connect(count_damaged, dispatch_uid="delivery.sampling")
copy_damaged.connect(count_damaged_copy, dispatch_uid="delivery.sampling")
post_save.connect(count_master, sender=Master, dispatch_uid="delivery.sampling")
