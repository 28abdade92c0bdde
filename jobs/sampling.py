"""What is only true of the moment, written down by each worker: its render children, and what waits in the ledger."""

from __future__ import annotations

import threading
from typing import Final

import structlog
from django.db import connection
from django.db.models import Count, Min
from django.utils import timezone

from delivery.sampling import SAMPLER
from jobs.counters import JOBS_LIVE, OLDEST_WAIT
from jobs.kinds import QUEUES
from jobs.models import LIVE, Job, State

log = structlog.get_logger("jobs.sampling")

INTERVAL_SECONDS: Final = 1.0
LEDGER_EVERY: Final = 5
"""Intervals between two looks into the ledger."""


def sample_ledger() -> None:
    """This will count the live jobs, and see how long the next of each queue has been due; by indexes that have only
    live jobs, in two queries."""
    rows = Job.objects.filter(state__in=LIVE).values_list("queue", "state").annotate(number=Count("id")).order_by()
    found = {(queue, state): number for queue, state, number in rows}
    for queue in QUEUES:
        for state in LIVE:
            JOBS_LIVE.labels(queue, state.value).set(found.get((queue, state.value), 0))
    now = timezone.now()
    due = Job.objects.filter(state=State.WAITING, run_at__lte=now).order_by()
    oldest = dict(due.values_list("queue").annotate(oldest=Min("run_at")))
    for queue in QUEUES:
        OLDEST_WAIT.labels(queue).set((now - oldest.get(queue, now)).total_seconds())


def start() -> None:
    """This will sample in a thread that ends with the process."""
    threading.Thread(target=_run, name="imgopt-sampling", daemon=True).start()


def _run() -> None:
    pause, number = threading.Event(), 0
    while True:
        try:
            SAMPLER.sample()
            if number % LEDGER_EVERY == 0:
                sample_ledger()
        except Exception as error:
            log.warning("sampling failed", error=repr(error)[:200])
            connection.close()
        number += 1
        pause.wait(INTERVAL_SECONDS)
