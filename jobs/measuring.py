"""Variants whose quality was said by a URL are measured in the background, the newest first.

A run has a few seconds. While renders wait, or where more has come since the last run than that could measure, it
measures only some of the newest: so that the figures go on, and those who wait for pictures do not wait for them. What
is passed over stays pending, and has its turn when there is less to do.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Final

from django.utils import timezone

from assets.children import render_pool
from delivery import quality_counters
from delivery.remeasuring import each_pending, pending, settle
from jobs.claim import Claim
from jobs.kinds import kind
from jobs.models import Job, State
from pipeline.errors import Busy

KIND: Final = "measure_variants"
EVERY_SECONDS: Final = 20
BUDGET_SECONDS: Final = 10.0
SAMPLE: Final = 10
"""Of so many one is measured under strain."""
MOST_UNDER_STRAIN: Final = 100
"""So many are looked at then: ten are measured."""


@kind(KIND, queue="upkeep", max_attempts=1)
def measure_variants(claim: Claim) -> None:
    """This will measure what it has time for, and tell the next run whether that was all."""
    render_pool().ping()  # where no child is fit to work, that is not the variants' fault
    ends_at = time.monotonic() + BUDGET_SECONDS
    strained, ran_out = _falls_behind(claim.job), False
    measured = skipped = 0
    for number, variant in enumerate(each_pending()):
        claim.check()
        strained = strained or renders_wait()
        ran_out = time.monotonic() >= ends_at
        if ran_out or (strained and number >= MOST_UNDER_STRAIN):
            break
        if strained and number % SAMPLE:
            skipped += 1
            continue
        try:
            measured += settle(variant) is not None
        except Busy:
            ran_out = True
            break
    quality_counters.skipped(skipped)
    with claim.finishing(measured=measured, skipped=skipped, ranOut=ran_out, left=pending().count()):
        pass


def is_wanted() -> bool:
    """Whether there is anything to measure."""
    return pending().exists()


def renders_wait() -> bool:
    return Job.objects.filter(queue="renders", state=State.WAITING, run_at__lte=timezone.now()).exists()


def _falls_behind(job: Job) -> bool:
    """Whether the run before this one, if there was one just now, came to no end, and more waits now than it left.

    What it left is no strain by itself: of an idle machine nobody wants samples.
    """
    lately = timezone.now() - timedelta(seconds=3 * EVERY_SECONDS)
    ended = Job.objects.filter(kind=KIND, state=State.DONE, created_at__gte=lately).exclude(id=job.id)
    last = ended.order_by("-created_at", "-id").values_list("result", flat=True).first()
    return bool(last and last.get("ranOut") and pending().count() > last.get("left", 0))
