"""What tests of finals ask of the ledger and of the tiers."""

from __future__ import annotations

from delivery.entry import Entry
from delivery.service import service
from delivery.variants import VariantRequest
from jobs import ledger, running
from jobs.claim import Claim
from jobs.models import Job
from jobs.refining import KIND

PARAMS = "w=1200&fm=avif"


def refinements() -> list[Job]:
    return list(Job.objects.filter(kind=KIND).order_by("created_at"))


def claimed(worker: str = "test:1") -> Claim:
    job = ledger.claim(["renders"], worker=worker, lease_seconds=30)
    assert job is not None
    assert job.kind == KIND
    return Claim(job)


def work() -> Job:
    """This will run the next job and give its row."""
    claim = claimed()
    running.run(claim)
    return Job.objects.get(id=claim.job.id)


def stored(request: VariantRequest) -> Entry | None:
    return service().lasting[-1].get(request.key)


def forget_memory(request: VariantRequest) -> None:
    service().memory.purge(request.key.digest)
