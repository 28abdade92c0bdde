"""Jobs that end, endpoints that are told of it, and a worker that works when a test says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Max
from django.utils import timezone

from jobs import ledger
from jobs.claim import Claim
from jobs.models import Job, State
from jobs.notifications import endpoint_secrets
from jobs.notifications.models import Delivery, Endpoint
from jobs.running import run
from tests.assets.origins.site import Site
from tests.delivery.world import configure

__all__ = ["HOOK", "TOLD", "UNTOLD", "Clock", "configure"]

TOLD, UNTOLD = "test-told", "test-untold"
HOOK = "/hook"


class Clock:
    """Stands at the real time until it is moved: signatures are verified against the real clock."""

    def __init__(self) -> None:
        self._at = datetime.now(UTC)

    def now(self) -> datetime:
        return self._at

    def move(self, **span: float) -> datetime:
        self._at += timedelta(**span)
        return self._at


def begun(payload: dict[str, Any] | None = None, *, kind: str = TOLD, **more: Any) -> Job:
    """This will give a job that a worker has just taken."""
    job = ledger.enqueue(kind, {} if payload is None else payload, **more)
    taken = ledger.claim_one(job.id, worker="test", lease_seconds=30)
    assert taken is not None
    return taken


def ended(payload: dict[str, Any] | None = None, result: dict[str, Any] | None = None, **more: Any) -> Job:
    """This will give a job that is done."""
    job = begun(payload, **more)
    ledger.finish(job, result=result or {})
    return job


def endpoint(site: Site | None = None, *, url: str = "", **facts: Any) -> tuple[Endpoint, str]:
    """This will give an endpoint and its secret."""
    made = Endpoint.objects.create(url=url or f"{site.url if site else ''}{HOOK}", **facts)
    return made, endpoint_secrets.issue(made).text


def work(*, times: int = 1000, queues: tuple[str, ...] = ("notifications",)) -> list[Job]:
    """This will do what is due now, in this thread, and give the jobs as they are afterwards."""
    done: list[Job] = []
    while len(done) < times:
        job = ledger.claim(queues, worker="test", lease_seconds=30, now=timezone.now())
        if job is None:
            break
        run(Claim(job))
        done.append(job)
    return [Job.objects.get(id=job.id) for job in done]


def work_one() -> Job:
    [job] = work(times=1)
    return job


def states() -> list[str]:
    """This will give the states of all deliveries, the oldest event first."""
    return list(Delivery.objects.order_by("event_id", "id").values_list("job__state", flat=True))


def next_attempt() -> datetime:
    """This will give the time of the last attempt that is planned."""
    found = Job.objects.filter(queue="notifications", state=State.WAITING).aggregate(at=Max("run_at"))["at"]
    assert found is not None
    return found  # type: ignore[no-any-return]
