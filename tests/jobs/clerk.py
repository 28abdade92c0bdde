"""`python -m tests.jobs.clerk`: speaks with one database's ledger, for tests whose workers are processes of their own.

It reads a line of JSON, `["enqueue", {"number": 3}]`, and answers with one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import django
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import Max, Min
from django.utils import timezone

django.setup()

from jobs import ledger  # noqa: E402
from jobs.engines import celery  # noqa: E402
from jobs.models import Job  # noqa: E402
from tests.jobs.kinds import RESULTS  # noqa: E402


def migrate() -> None:
    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute(RESULTS)


def be_patient() -> None:
    """Nothing is left to the sweeper because this machine was busy with other tests."""
    celery.WAIT_SECONDS = celery.SEND_SECONDS = 30.0


def enqueue(number: int = 1, kind: str = "errand", priority: int = 0, **payload: Any) -> list[str]:
    """One by one, as requests do."""
    return [str(ledger.enqueue(kind, payload, priority=priority).id) for _ in range(number)]


def enqueue_many(number: int, kind: str = "errand", **payload: Any) -> None:
    with transaction.atomic():
        ledger.enqueue_many(kind, [payload] * number, batch=None)


def states(kinds: list[str] | None = None) -> dict[str, int]:
    """How many jobs of these kinds are in each state."""
    found: dict[str, int] = {}
    for state in _jobs(kinds).values_list("state", flat=True):
        found[state] = found.get(state, 0) + 1
    return found


def jobs(kinds: list[str] | None = None) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT job FROM crew_results")
        results = [row[0] for row in cursor.fetchall()]
    fields = ("id", "kind", "state", "attempts", "worker", "error", "finished_at")
    rows = list(_jobs(kinds).values(*fields))
    for row in rows:
        row["id"], row["finished_at"] = str(row["id"]), str(row["finished_at"])
        row["results"] = results.count(row["id"])
        row["worker"] = row["worker"].rpartition(":")[2]
    return rows


def held(pid: int) -> int:
    """How many jobs this process has a lease on that has not ended."""
    return Job.objects.filter(state="running", worker__endswith=f":{pid}", lease_until__gt=timezone.now()).count()


def announced() -> int:
    return Job.objects.filter(state="waiting", announced_at__isnull=False).count()


def seconds(kind: str) -> float:
    """From the first claim of a job of this kind to the end of the last, after which they are removed."""
    found = Job.objects.filter(kind=kind)
    span = found.aggregate(first=Min("claimed_at"), last=Max("finished_at"))
    found.delete()
    return float((span["last"] - span["first"]).total_seconds())


def _jobs(kinds: list[str] | None) -> Any:
    return Job.objects.filter(kind__in=kinds or ["errand"]).order_by("created_at")


DOES: dict[str, Callable[..., Any]] = {
    each.__name__: each for each in (migrate, be_patient, enqueue, enqueue_many, states, jobs, held, announced, seconds)
}


def main() -> None:
    for line in sys.stdin:
        name, arguments = json.loads(line)
        print(json.dumps(DOES[name](**arguments)), flush=True)


if __name__ == "__main__":
    main()
