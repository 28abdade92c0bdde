"""What a broker cannot be trusted with: jobs it has not been told of, has forgotten, or whose workers it has lost.

A thread in every Celery worker. Any number of them may sweep at once: each step is a conditional update.

A message is sent again only where the broker's queue is shorter than the list of announced jobs that wait. So the
queue never grows beyond that list, however long it honestly is, and what was sent twice is a look into the ledger.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Final

import structlog
from django.db import Error, connection
from django.utils import timezone

from jobs import announcements, ledger, upkeep
from jobs.engines import celery
from jobs.engines.line import BrokerAway

log = structlog.get_logger("jobs.sweeper")

SWEEP_SECONDS: Final = 1.0
MOST_AT_ONCE: Final = 2000
FORGOTTEN_SECONDS: Final = 5.0
"""A job that was announced longer ago and still waits is looked into; with a shorter lease, after that."""


def sweep() -> None:
    """This will release lost jobs, write down what is due by the clock, and announce what is due and unannounced."""
    ledger.release_lost()
    try:
        upkeep.enqueue_due()
    finally:  # it fails while a worker that was stopped in writing the same down holds its row
        celery.send_ids(announcements.find_unmarked(MOST_AT_ONCE))


def send_forgotten(after_seconds: float = FORGOTTEN_SECONDS) -> int:
    """This will send again as many ids as the broker has too few, the oldest first, and give the number."""
    before = timezone.now() - timedelta(seconds=after_seconds)
    sent = 0
    for queue, number in announcements.count_marked(before).items():
        try:
            missing = number - celery.depth(queue)
        except BrokerAway:
            return sent
        if missing > 0:
            ids = announcements.find_overdue(queue, before, min(missing, MOST_AT_ONCE))
            sent += celery.send_ids(ids, marked_before=before)
    if sent:
        log.info("jobs announced again", jobs=sent)
    return sent


class Sweeper:
    """One round after another, each of which may fail."""

    def __init__(self, *, lease_seconds: float) -> None:
        self._forgotten_seconds = min(FORGOTTEN_SECONDS, lease_seconds)
        self._look_for_forgotten_at = 0.0

    def round(self) -> None:
        try:
            sweep()
            if time.monotonic() >= self._look_for_forgotten_at:
                self._look_for_forgotten_at = time.monotonic() + self._forgotten_seconds
                send_forgotten(self._forgotten_seconds)
        except Exception as error:  # whatever it was: without sweepers nothing would be sent again
            log.warning("not swept", error=repr(error)[:200], exc_info=not isinstance(error, Error))
            connection.close()
