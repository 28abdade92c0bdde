"""How targets and deliveries stand, in words for the admin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest
from django.utils import timezone

from jobs.models import State
from jobs.notifications.models import Target
from jobs.notifications.trying import Outcome

STATES: Final[Mapping[State, str]] = {
    State.WAITING: "waiting",
    State.RUNNING: "being sent",
    State.DONE: "delivered",
    State.FAILED: "failed",
    State.CANCELLED: "cancelled",
}
REPEATABLE: Final = (State.FAILED, State.CANCELLED)


def health(target: Target) -> str:
    """This will say in a few words how telling a target goes."""
    if target.failing_since is None:
        return "works" if target.last_result_at else "not tried yet"
    times = "once" if target.failures == 1 else f"{target.failures} times in a row"
    words = f"has failed {times}, since {target.failing_since:%Y-%m-%d %H:%M} UTC"
    if target.rest_until is not None and target.rest_until > timezone.now():
        words += f"; next attempt at {target.rest_until:%H:%M:%S} UTC"
    return words


def say_how_many(model_admin: Any, request: HttpRequest, begun: int) -> None:
    words = f"Deliveries begun again: {begun}." if begun else "None of these deliveries has failed or was cancelled."
    model_admin.message_user(request, words, messages.SUCCESS if begun else messages.WARNING)


def say_outcome(model_admin: Any, request: HttpRequest, outcome: Outcome) -> None:
    model_admin.message_user(request, outcome.sentence, messages.SUCCESS if outcome.is_delivered else messages.ERROR)
