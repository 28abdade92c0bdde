"""What is counted for Prometheus, and the plain integers that keep counting off the hit path.

`docs/observability.md` lists every metric; a test holds it to this file. Labels take few values: no id, no path, no
address is ever one. In the real server each process keeps its figures in files that all of them read
(`delivery.metrics_files`), so whichever answers a scrape tells the sum.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from delivery import metrics_room

metrics_room.reserve()  # before the first figure has its file
REGISTRY: Final = CollectorRegistry()

TIERS: Final = ("memory", "redis", "storage", "render", "304")
PHASES: Final = ("decode", "steps", "encode", "render", "store", "total")
ROUTES: Final = ("image", "api", "admin", "health", "metrics", "other")
_ROUTE_OF: Final = {
    "i": "image",
    "api": "api",
    "image": "api",
    "admin": "admin",
    "healthz": "health",
    "readyz": "health",
    "metrics": "metrics",
}

# From a small passthrough to the time limit of a render, which is 20 s unless it is set.
RENDER_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)
REQUEST_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

DRAFT_BUCKETS: Final = (0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)

REQUESTS = Counter("imgopt_requests", "Requests answered.", ["route", "status"], registry=REGISTRY)
REQUEST_SECONDS = Histogram(
    "imgopt_request_seconds",
    "Time to answer what the memory could not.",
    ["route"],
    buckets=REQUEST_BUCKETS,
    registry=REGISTRY,
)
REFUSALS = Counter("imgopt_refusals", "Errors told, by their code.", ["code"], registry=REGISTRY)
ANSWERS = Counter("imgopt_variant_answers", "Variants answered, by what they came from.", ["tier"], registry=REGISTRY)
SENT_BYTES = Counter("imgopt_variant_sent_bytes", "Bytes of the variants sent.", registry=REGISTRY)
SAVED_BYTES = Counter(
    "imgopt_variant_saved_bytes", "Bytes that sending the masters instead would have cost more.", registry=REGISTRY
)
RENDERS = Counter(
    "imgopt_renders", "Renders that ended, by what came of them.", ["format", "outcome"], registry=REGISTRY
)
RENDER_SECONDS = Histogram(
    "imgopt_render_seconds", "Time of renders by phase.", ["format", "phase"], buckets=RENDER_BUCKETS, registry=REGISTRY
)
DRAFTS = Counter("imgopt_drafts", "Drafts made.", ["format"], registry=REGISTRY)
FINALS = Counter(
    "imgopt_finals",
    "Finals made of what is searched for, by what made them.",
    ["format", "made"],
    registry=REGISTRY,
)
DRAFT_SECONDS = Histogram(
    "imgopt_draft_to_final_seconds",
    "Time from a draft's answer until its final had taken its place.",
    ["format"],
    buckets=DRAFT_BUCKETS,
    registry=REGISTRY,
)
RENDERS_WAITING = Gauge(
    "imgopt_renders_waiting", "Tasks in the render queue.", multiprocess_mode="livesum", registry=REGISTRY
)
RENDERS_RUNNING = Gauge(
    "imgopt_renders_running", "Tasks that render children work on.", multiprocess_mode="livesum", registry=REGISTRY
)
CHILD_CRASHES = Counter("imgopt_render_child_crashes", "Render children that died over a task.", registry=REGISTRY)
CHILD_TIMEOUTS = Counter("imgopt_render_child_timeouts", "Tasks killed at their time limit.", registry=REGISTRY)
CHILD_RESTARTS = Counter(
    "imgopt_render_child_restarts", "Render children started in another's place.", registry=REGISTRY
)
TIER_ERRORS = Counter("imgopt_tier_errors", "Calls of a tier that failed.", ["tier", "call"], registry=REGISTRY)
DAMAGED = Counter(
    "imgopt_damaged_entries",
    "Entries of a tier, masters or copies of them, whose bytes were not theirs: not shown.",
    ["tier"],
    registry=REGISTRY,
)
TIER_RESTING = Gauge(
    "imgopt_tier_resting",
    "Server processes that leave a sick tier alone for now.",
    ["tier"],
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
REDIS_FAILURES = Counter(
    "imgopt_redis_failures",
    "Calls that Redis did not answer, by how: timeout or connection.",
    ["how"],
    registry=REGISTRY,
)
REDIS_REFUSED = Counter(
    "imgopt_redis_refused", "Calls that were not made because Redis is left alone for now.", registry=REGISTRY
)
REDIS_RESTING = Gauge(
    "imgopt_redis_resting",
    "Processes that leave Redis alone for now.",
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
MEMORY_BYTES = Gauge(
    "imgopt_memory_tier_bytes", "Bytes in the memory tiers.", multiprocess_mode="livesum", registry=REGISTRY
)
MEMORY_ENTRIES = Gauge(
    "imgopt_memory_tier_entries", "Variants in the memory tiers.", multiprocess_mode="livesum", registry=REGISTRY
)
MASTERS = Counter("imgopt_masters_created", "Masters created, by upload or otherwise.", ["format"], registry=REGISTRY)
MASTER_BYTES = Counter("imgopt_masters_created_bytes", "Bytes of the masters created.", ["format"], registry=REGISTRY)
PROCESSES = Gauge("imgopt_server_processes", "Server processes alive.", multiprocess_mode="livesum", registry=REGISTRY)
STARTED = Gauge(
    "imgopt_process_start_time_seconds",
    "When the youngest server process started, since the epoch.",
    multiprocess_mode="livemax",
    registry=REGISTRY,
)
BUILD = Gauge(
    "imgopt_build_info",
    "Always 1; its labels name what runs.",
    ["version", "pipeline"],
    multiprocess_mode="livemax",
    registry=REGISTRY,
)

# A series that begins at 0 has a rate from its first event on.
for _tier in TIERS:
    ANSWERS.labels(_tier)


def route_of(path: str) -> str:
    """This will give the kind of address that `path` is, one of `ROUTES`."""
    return _ROUTE_OF.get(path[1:].partition("/")[0], "other")


def answered(route: str, status: int, seconds: float) -> None:
    """This will count a request that the memory could not answer."""
    REQUESTS.labels(route, f"{status // 100}xx").inc()
    REQUEST_SECONDS.labels(route).observe(seconds)


def delivered(tier: str, *, sent_bytes: int, master_bytes: int) -> None:
    """This will count a variant's answer; one without a body (304, HEAD) saves nothing and sends nothing."""
    ANSWERS.labels(tier).inc()
    SENT_BYTES.inc(sent_bytes)
    SAVED_BYTES.inc(saved_bytes(sent_bytes, master_bytes))


def saved_bytes(sent_bytes: int, master_bytes: int) -> int:
    """A variant may be larger than its master: then nothing is saved, for a counter must not fall."""
    return max(0, master_bytes - sent_bytes) if sent_bytes else 0


def rendered(kind: str, seconds: Mapping[str, float], *, passthrough: bool) -> None:
    RENDERS.labels(kind, "passthrough" if passthrough else "rendered").inc()
    for phase in PHASES:
        if phase in seconds:
            RENDER_SECONDS.labels(kind, phase).observe(seconds[phase])


class Hits(NamedTuple):
    bodies: int
    not_modified: int
    sent_bytes: int
    saved_bytes: int


class HitTally:
    """Hits since the last `take`: 0.26 µs a hit, where three counters in shared files would cost 2.7."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bodies = self._not_modified = self._sent_bytes = self._saved_bytes = 0

    def add(self, sent_bytes: int, saved_bytes: int) -> None:
        with self._lock:
            self._bodies += 1
            self._sent_bytes += sent_bytes
            self._saved_bytes += saved_bytes

    def add_not_modified(self) -> None:
        with self._lock:
            self._not_modified += 1

    def take(self) -> Hits:
        """This will give what was counted and begin at 0 again."""
        with self._lock:
            hits = Hits(self._bodies, self._not_modified, self._sent_bytes, self._saved_bytes)
            self._bodies = self._not_modified = self._sent_bytes = self._saved_bytes = 0
        return hits


HIT_TALLY: Final = HitTally()


def flush() -> None:
    """This will move what was tallied into the counters."""
    hits = HIT_TALLY.take()
    if hits.bodies:
        REQUESTS.labels("image", "2xx").inc(hits.bodies)
        ANSWERS.labels("memory").inc(hits.bodies)
        SENT_BYTES.inc(hits.sent_bytes)
        SAVED_BYTES.inc(hits.saved_bytes)
    if hits.not_modified:
        REQUESTS.labels("image", "3xx").inc(hits.not_modified)
        ANSWERS.labels("304").inc(hits.not_modified)
