"""A target that fails is left alone for a while, and all that waits for it waits with it.

Otherwise a thousand events for an endpoint that hangs would take the worker's places in turn, each for as long as the
time limit is, and nobody else would be told of anything. So after a few failures in a row the jobs of that target are
moved behind its rest, in a few statements; then one of them tries, and its success lets the others go.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from jobs import ledger
from jobs.notifications.models import Target

log = structlog.get_logger("jobs.notifications")

NOTED_EVERY = timedelta(minutes=1)
"""How often the row of a target that works is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Whether something may be sent to a target now."""

    come_back_at: datetime | None = None
    """`None`: it may."""
    held_until: datetime | None = None
    """So long the others are kept away meanwhile."""


def take_turn(target: Target, *, probe_seconds: float, now: datetime | None = None) -> Turn:
    """This will say whether to send or to come back later.

    Of all workers that come to a target at the end of its rest one may try: it puts the rest off for the others, for
    as long as its own attempt can take.
    """
    now = now or timezone.now()
    if target.rest_until is None:
        return Turn()
    if target.rest_until > now:
        return Turn(come_back_at=target.rest_until)
    until = now + timedelta(seconds=probe_seconds)
    if not target.rows.filter(rest_until=target.rest_until).update(rest_until=until):
        return Turn(come_back_at=until)
    ledger.move(target.jobs.filter(run_at__lt=until), until)
    return Turn(held_until=until)


def note_success(target: Target, result: str, *, now: datetime | None = None) -> None:
    """This will end a rest, and let go what waited for it."""
    now = now or timezone.now()
    is_noted = target.last_result_at is not None and target.last_result_at > now - NOTED_EVERY
    if target.failures == 0 and target.rest_until is None and is_noted:
        return
    target.rows.update(failures=0, failing_since=None, last_result=result[:300], last_result_at=now)
    target.refresh_from_db()
    rest_until = target.rest_until
    if rest_until is not None and target.rows.filter(rest_until=rest_until).update(rest_until=None):
        released = ledger.move(target.jobs.filter(run_at__lte=rest_until), now)
        log.info("target works again", target=str(target.pk), released=released)


def note_failure(
    target: Target, result: str, *, turn: Turn, least_seconds: float = 0.0, now: datetime | None = None
) -> float:
    """This will count a failure and give the seconds to stay away, with a rest for all where it was one too many.

    So it is where the target asked for `least_seconds`: who says that it is too much means all of it.
    """
    now = now or timezone.now()
    target.rows.update(
        failures=F("failures") + 1,
        failing_since=Coalesce("failing_since", now),
        last_result=result[:300],
        last_result_at=now,
    )
    target.refresh_from_db()
    beyond = 1 + target.failures - target.rest_after
    seconds = max(least_seconds, target.rest.seconds(beyond) if beyond > 0 else 0.0)
    if not seconds:
        return 0.0
    until = now + timedelta(seconds=seconds)
    # Of several that fail together, one moves the jobs; who had the turn moves them from the end of its turn.
    nearly = now + timedelta(seconds=seconds / 4)
    if target.rows.filter(Q(rest_until=None) | Q(rest_until=turn.held_until) | Q(rest_until__lt=nearly)).update(
        rest_until=until
    ):
        waiting = Q(run_at__lt=until) if turn.held_until is None else Q(run_at__lt=until) | Q(run_at=turn.held_until)
        moved = ledger.move(target.jobs.filter(waiting), until)
        target.rest_until = until
        log.warning("target rests", target=str(target.pk), seconds=round(seconds), moved=moved, result=result)
    return seconds
