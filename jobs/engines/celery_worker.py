"""A worker that Celery brings ids: one process for one queue, so that each queue has the places it was given.

Threads, not Celery's processes: it would fork them, and nothing may fork a process with libvips or threads in it. What
touches pixels runs in killable children anyway (`assets.children`).
"""

from __future__ import annotations

import logging
import os
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import structlog
from celery.concurrency.thread import TaskPool
from celery.worker import state
from django.db import Error, close_old_connections, connection

from jobs import ledger
from jobs.claim import Claim
from jobs.engines import celery
from jobs.engines.sweeper import SWEEP_SECONDS, Sweeper
from jobs.errors import LeaseLost
from jobs.leases import Leases
from jobs.models import Job
from jobs.running import run
from jobs.worker import AWAY_SECONDS, WorkerConfig, worker_name

log = structlog.get_logger("jobs.worker")

CLOSE_SECONDS = 5.0
"""How long Celery may take to part from the broker once all jobs are settled."""
CHATTY = ("celery.app.trace", "celery.worker.strategy")
"""Two lines a job; `jobs.running` has one that tells more."""


class Places(TaskPool):  # type: ignore[misc]
    """Celery's threads, of which those that do not end in time are not waited for."""

    settle: Callable[[], int]

    def on_apply(self, *arguments: Any, **options: Any) -> Any:
        """A fault of Celery's own would end in a future that nobody reads, and its message keep a place for ever."""
        result = super().on_apply(*arguments, **options)
        result.f.add_done_callback(_tell_fault)
        return result

    def on_stop(self) -> None:
        left = self.settle()
        self.executor.shutdown(wait=not left, cancel_futures=True)


def _tell_fault(done: Future[object]) -> None:
    if not done.cancelled() and (error := done.exception()) is not None:
        log.error("message not handled", error=repr(error)[:200])


class CeleryWorker:
    def __init__(self, config: WorkerConfig) -> None:
        [(self.queue, places)] = config.places.items()
        self.config = config
        self.name = worker_name()
        self.leases = Leases(config.lease_seconds)
        self._stopping = threading.Event()
        self._settled = threading.Event()
        self._over = threading.Event()
        self._left = 0
        for name in CHATTY:
            logging.getLogger(name).setLevel(logging.WARNING)
        app = celery.app()
        app.set_default()  # Celery's threads look for the task there
        app.task(name=celery.ATTEMPT, shared=False)(self.attempt)
        self._controller = app.WorkController(
            hostname=f"{self.queue}@{self.name}",
            pool_cls=Places,
            concurrency=places,
            queues=[celery.queue_name(self.queue)],
            without_mingle=True,
            without_gossip=True,
            without_heartbeat=True,
        )
        self._controller.pool.settle = self._wait_until_settled

    def run(self) -> None:
        """This will work until `stop` is called."""
        self.leases.start()
        threading.Thread(target=self._look_after, name="imgopt-sweeper", daemon=True).start()
        try:
            self._controller.start()
        finally:
            self._over.set()
        log.info("worker ended", handed_back=self._left)

    def stop(self) -> None:
        """This will have `run` return once its jobs have ended or were handed back.

        It waits for that: a signal handler calls it in a thread.
        """
        if self._stopping.is_set():
            return
        self._stopping.set()
        state.should_stop = os.EX_OK
        if self._controller.hub is not None:
            self._controller.hub.call_soon(lambda: None)  # it may sleep for seconds otherwise
        self._left = self.leases.settle(self.config.grace_seconds)
        self._settled.set()
        if not self._over.wait(CLOSE_SECONDS):
            log.warning("broker does not let go", handed_back=self._left)
            os._exit(0)  # nothing is under way any more

    def attempt(self, job_id: str) -> None:
        """This will do a job if it is still to be done."""
        close_old_connections()
        job = self._claim(job_id)
        if job is None:
            return
        claim = Claim(job)
        self.leases.add(claim)
        try:
            if self._stopping.is_set():
                ledger.hand_back(job, job.token)
            else:
                run(claim)
        except (LeaseLost, Error) as error:
            log.warning("job not handed back", job=job_id, error=repr(error)[:200])
        finally:
            self.leases.remove(claim)

    def _claim(self, text: str) -> Job | None:
        """Without the ledger nothing can be done: its messages are kept until it is back."""
        try:
            job_id = uuid.UUID(text)
        except ValueError:
            log.warning("message without a job", received=text[:100])
            return None
        while not self._stopping.is_set():
            try:
                return ledger.claim_one(job_id, worker=self.name, lease_seconds=self.config.lease_seconds)
            except Error as error:
                log.warning("ledger away", error=repr(error)[:200])
                connection.close()
                self._stopping.wait(AWAY_SECONDS)
        return None

    def _look_after(self) -> None:
        sweeper = Sweeper(lease_seconds=self.config.lease_seconds)
        while not self._stopping.is_set():
            sweeper.round()
            if self.config.is_orphan:
                self.stop()
            self._stopping.wait(SWEEP_SECONDS)

    def _wait_until_settled(self) -> int:
        if not self._stopping.is_set():  # Celery ends by a fault of its own
            threading.Thread(target=self.stop, name="imgopt-stop", daemon=True).start()
        self._settled.wait()
        return self._left
