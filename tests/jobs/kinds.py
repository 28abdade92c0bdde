"""Kinds of work for `tests.jobs.crew`: what they do can be counted."""

from __future__ import annotations

import os
import time

from django.db import connection

from jobs.backoff import Backoff
from jobs.claim import Claim
from jobs.errors import Reject
from jobs.kinds import kind

RESULTS = "CREATE TABLE crew_results (job varchar(36) NOT NULL, attempt integer NOT NULL, worker varchar(100) NOT NULL)"
SOON = Backoff(first_seconds=0.1, most_seconds=0.2)


@kind("errand", queue="renders", max_attempts=10, backoff=SOON)
def errand(claim: Claim) -> None:
    """Takes `seconds`, and leaves one row if it ends; it does not look whether anybody still waits for it."""
    time.sleep(claim.payload.get("seconds", 0))
    row = (str(claim.job.id), claim.job.attempts, claim.job.worker)
    with claim.finishing(), connection.cursor() as cursor:
        cursor.execute("INSERT INTO crew_results VALUES (%s, %s, %s)", row)


@kind("empty", queue="renders")
def empty(_claim: Claim) -> None:
    """For benchmarks."""


@kind("deadly", queue="renders", max_attempts=3, backoff=SOON)
def deadly(_claim: Claim) -> None:
    """Takes its worker down."""
    os.kill(os.getpid(), 9)


@kind("refused", queue="renders")
def refused(_claim: Claim) -> None:
    raise Reject("Never.")
