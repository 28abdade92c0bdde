"""The claims that a worker process has in hand.

A thread of its own keeps them alive: handlers must not have to think of it.
"""

from __future__ import annotations

import threading
import time

import structlog
from django.db import Error, connection

from jobs import ledger
from jobs.claim import Claim
from jobs.errors import LeaseLost

log = structlog.get_logger("jobs.leases")


class Leases:
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._held: list[Claim] = []
        self._changed = threading.Condition()
        self._ended = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._beat, name="imgopt-leases", daemon=True).start()

    def __bool__(self) -> bool:
        return bool(self._held)

    def add(self, claim: Claim) -> None:
        with self._changed:
            self._held.append(claim)

    def remove(self, claim: Claim) -> None:
        with self._changed:
            self._held.remove(claim)
            self._changed.notify_all()

    def in_queue(self, queue: str) -> int:
        with self._changed:
            return sum(claim.job.queue == queue for claim in self._held)

    def prolong(self) -> None:
        with self._changed:
            claims = list(self._held)
        for claim in claims:
            try:
                ledger.heartbeat(claim.job.id, claim.token, lease_seconds=self.seconds)
            except LeaseLost:
                claim.is_lost = True
            except Error as error:
                log.warning("lease not prolonged", error=repr(error)[:200])
                connection.close()

    def settle(self, grace_seconds: float) -> int:
        """This will wait until nothing is in hand; what is left after the grace is handed back, and its number given.

        The leases go on meanwhile, and nobody has to wait for their end afterwards.
        """
        give_up_at = time.monotonic() + grace_seconds
        with self._changed:
            while self._held and (left := give_up_at - time.monotonic()) > 0:
                self._changed.wait(left)
            claims = list(self._held)
        for claim in claims:
            claim.is_lost = True
            try:
                ledger.hand_back(claim.job, claim.token)
            except (LeaseLost, Error) as error:
                log.warning("job not handed back", job=str(claim.job.id), error=repr(error)[:200])
        self._ended.set()
        return len(claims)

    def _beat(self) -> None:
        """Three beats a lease: one may fail and one be late."""
        while not self._ended.wait(self.seconds / 3):
            self.prolong()
