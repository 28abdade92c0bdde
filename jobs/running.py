"""One attempt, from the claim to what the ledger says of it."""

from __future__ import annotations

import time
import traceback
from contextvars import ContextVar

import structlog
from django.db import close_old_connections

from jobs import counters, ledger
from jobs.causes import going_on
from jobs.claim import Claim
from jobs.errors import LeaseLost
from jobs.kinds import KINDS, get_kind
from jobs.models import State
from pipeline.errors import ImgoptError

log = structlog.get_logger("jobs")

# Another attempt would end alike: it is the picture's fault, or the caller's.
FINAL = frozenset(
    {
        "bad_parameter",
        "bad_request",
        "damaged_image",
        "image_too_large",
        "not_an_image",
        "not_found",
        "output_too_large",
        "rejected",
        "unsupported_format",
    }
)
UNEXPECTED = "Something went wrong here; it has been logged."
DETAIL_LENGTH = 4000


_inside: ContextVar[bool] = ContextVar("imgopt_inside_job", default=False)


def is_inside() -> bool:
    """Whether a job is being done here: what is made then, nobody uploaded."""
    return _inside.get()


def run(claim: Claim) -> None:
    """This will do the work of a claim. It raises nothing: what goes wrong is the ledger's to know."""
    close_old_connections()
    with going_on(str(claim.job.id), claim.job.kind, claim.payload):
        _run(claim)


def _run(claim: Claim) -> None:
    _inside.set(True)
    job, start = claim.job, time.perf_counter()
    waited = (job.claimed_at - job.run_at).total_seconds() if job.claimed_at else 0.0
    try:
        outcome = _attempt(claim)
    finally:
        _inside.set(False)
    seconds = time.perf_counter() - start
    # A name that nobody registered comes out of the database; as a label it could be anything.
    counters.ran(job.kind if job.kind in KINDS else "unknown", outcome, seconds=seconds, waited=waited)
    log.info(
        "job ran",
        job=str(job.id),
        kind=job.kind,
        outcome=outcome,
        attempt=job.attempts,
        waited_ms=round(1000 * waited, 1),
        ms=round(1000 * seconds, 1),
        **({"error": job.error} if job.error else {}),
    )


def _attempt(claim: Claim) -> str:
    job = claim.job
    try:
        _work(claim)
    except LeaseLost:
        return "lost"
    except Exception as error:
        log.exception("ledger not written", job=str(job.id), error=repr(error)[:200])
        return "unwritten"  # its lease will end
    return str(job.state.value if isinstance(job.state, State) else job.state)


def _work(claim: Claim) -> None:
    job = claim.job
    try:
        get_kind(job.kind).handler(claim)
        if job.state == State.RUNNING:
            ledger.finish(job)
    except LeaseLost:
        raise
    except ImgoptError as error:
        after_seconds = float(getattr(error, "retry_after_seconds", None) or 0.0)
        again = error.code not in FINAL
        ledger.fail(job, error.message, detail=_detail(error), again=again, after_seconds=after_seconds)
    except Exception as error:
        log.exception("job failed", job=str(job.id), kind=job.kind)
        ledger.fail(job, UNEXPECTED, detail=_detail(error))


def _detail(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))[-DETAIL_LENGTH:]
