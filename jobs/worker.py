"""A worker: takes jobs from the ledger and works on some of each queue at a time.

The main thread claims. Renders happen in killable children (`assets.children`), so a thread is all that an attempt
needs here.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog
from django.db import Error, connection

from jobs import ledger, upkeep
from jobs.claim import Claim
from jobs.leases import Leases
from jobs.running import run

log = structlog.get_logger("jobs.worker")

IDLE_SECONDS = 0.1
"""How often an idle worker looks: 0.3 ms each time, and a new job waits for 50 ms on average."""
LOST_EVERY_SECONDS = 1.0
AWAY_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerConfig:
    places: Mapping[str, int]
    """How many jobs of each queue this worker has in hand at once."""
    lease_seconds: float
    grace_seconds: float
    """How long jobs may take to finish once the worker is told to end."""
    parent_pid: int | None = None
    """The worker ends with this process."""

    @property
    def is_orphan(self) -> bool:
        return self.parent_pid is not None and os.getppid() != self.parent_pid


def worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


class Worker:
    def __init__(self, config: WorkerConfig) -> None:
        self.config = config
        self.name = worker_name()
        self.leases = Leases(config.lease_seconds)
        self._stopping = threading.Event()
        self._place_free = threading.Event()
        self._threads = ThreadPoolExecutor(sum(config.places.values()), thread_name_prefix="imgopt-job")

    def run(self, *, until_idle: bool = False) -> None:
        """This will work until `stop` is called; `until_idle`: until nothing is due and nothing under way."""
        self.leases.start()
        look_after_lost_at = 0.0
        try:
            while not self._stopping.is_set() and not self.config.is_orphan:
                try:
                    if time.monotonic() >= look_after_lost_at:
                        look_after_lost_at = time.monotonic() + LOST_EVERY_SECONDS
                        ledger.release_lost()
                        upkeep.enqueue_due()
                    if self._claim_next():
                        continue
                except Error as error:
                    log.warning("ledger away", error=repr(error)[:200])
                    connection.close()
                    self._stopping.wait(AWAY_SECONDS)
                    continue
                if until_idle and not self.leases:
                    return
                self._place_free.wait(IDLE_SECONDS)
                self._place_free.clear()
        finally:
            self._finish()

    def stop(self) -> None:
        """This will have `run` return soon; a signal handler may call it."""
        self._stopping.set()
        self._place_free.set()

    def _claim_next(self) -> bool:
        queues = [queue for queue, places in self.config.places.items() if self.leases.in_queue(queue) < places]
        job = ledger.claim(queues, worker=self.name, lease_seconds=self.config.lease_seconds)
        if job is None:
            return False
        claim = Claim(job)
        self.leases.add(claim)
        self._threads.submit(self._run, claim)
        return True

    def _run(self, claim: Claim) -> None:
        try:
            run(claim)
        finally:
            self.leases.remove(claim)
            self._place_free.set()

    def _finish(self) -> None:
        """What is under way may end; the rest is handed back, so that nobody waits for its lease."""
        left = self.leases.settle(self.config.grace_seconds)
        self._threads.shutdown(wait=not left, cancel_futures=True)
        log.info("worker ended", handed_back=left)
