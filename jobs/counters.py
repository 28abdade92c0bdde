"""Background work in figures, in the registry that `/metrics` tells from."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from delivery.counters import REGISTRY

OUTCOMES: Final = ("done", "failed", "waiting", "cancelled", "lost", "unwritten")
"""`waiting`: to be tried again. `lost`: another's by now. `unwritten`: the database was away."""

WAIT_BUCKETS: Final = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 1800.0)
RUN_BUCKETS: Final = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)

JOBS = Counter("imgopt_jobs", "Attempts at jobs, by what came of them.", ["kind", "outcome"], registry=REGISTRY)
JOB_SECONDS = Histogram("imgopt_job_seconds", "Time of attempts.", ["kind"], buckets=RUN_BUCKETS, registry=REGISTRY)
JOB_WAIT_SECONDS = Histogram(
    "imgopt_job_wait_seconds",
    "Time from when a job was due until a worker took it.",
    ["kind"],
    buckets=WAIT_BUCKETS,
    registry=REGISTRY,
)
JOBS_LIVE = Gauge(
    "imgopt_jobs_live",
    "Jobs in the ledger that have not ended, by queue and state.",
    ["queue", "state"],
    multiprocess_mode="livemax",
    registry=REGISTRY,
)
OLDEST_WAIT = Gauge(
    "imgopt_jobs_oldest_wait_seconds",
    "For how long the job that has waited longest has been due, by queue; 0: none is due.",
    ["queue"],
    multiprocess_mode="livemax",
    registry=REGISTRY,
)


def ran(kind: str, outcome: str, *, seconds: float, waited: float) -> None:
    JOBS.labels(kind, outcome).inc()
    JOB_SECONDS.labels(kind).observe(seconds)
    JOB_WAIT_SECONDS.labels(kind).observe(max(0.0, waited))
