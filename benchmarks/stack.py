"""The scaled-out shape on one machine: hits of each tier, what each tier adds, and what a cold request is made of.

Everything that `make stack` starts, and beside it two servers that have to look further: one without a memory of its
own finds its hits in Redis, one without Redis as well finds them in S3. Clients, servers and services share the cores,
so a figure says what this machine does as a whole.
"""

from __future__ import annotations

import http.client
import json
import queue
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.cold_renders import AT_ONCE, drain, fetcher
from benchmarks.load import ACCEPT
from benchmarks.report import compare, heading, line, save
from benchmarks.serving import PLAIN, UNLIMITED, photos
from benchmarks.stack_references import (
    bare_nginx,
    bare_redis,
    bare_s3,
    keeping,
    loaded,
    median_of,
    of_megapixels,
    one_by_one,
    read_timing,
)
from deploy.stack.processes import free_port
from deploy.stack.whole import Stack, is_healthy, stack
from tests.e2e.server import multipart

TURNS = 3
SECONDS = 3.0
CONNECTIONS = 16
ALONE = 200
"""Requests one after another, for a latency without anybody else's queue."""
WIDTH = 800
MEGAPIXELS = 12
COLD = 24
RENDERS = 32
GOAL_OUTSIDE = 0.15
LIBVIPS = ("decode", "steps", "encode")
FURTHER = {
    "redis": {"IMGOPT_DELIVERY_MEMORY_MB": "0"},
    "storage": {"IMGOPT_DELIVERY_MEMORY_MB": "0", "REDIS_URL": "", "IMGOPT_JOBS_ENGINE": "table"},
}
ADDED = (
    ("cdn", None, "nginx, file"),
    ("memory", None, None),
    ("redis", "memory", "redis-py"),
    ("storage", "memory", "boto3"),
)
"""A tier, what its latency is beside, and what does the bare minimum of it."""


def main() -> None:
    heading("stack", f"{CONNECTIONS} connections, two servers and all services on one machine")
    with tempfile.TemporaryDirectory(prefix="imgopt-bench-") as name:
        folder = Path(name)
        with stack(folder / "stack", **UNLIMITED, **PLAIN) as running, further(running) as ports:
            bench = Bench(running, of_megapixels(photos(folder), folder, MEGAPIXELS), ports)
            with bare_nginx(folder, bench.body) as port:
                save("stack", {"tiers": bench.tiers(port), "cold": bench.cold(), "renders": bench.renders()})


@contextmanager
def further(running: Stack) -> Iterator[dict[str, int]]:
    """This will start the servers that have to look further, and give the ports by the tier that answers there."""
    ports = {"cdn": running.plan.port, "memory": running.plan.servers[0]}
    for tier, settings in FURTHER.items():
        ports[tier] = port = free_port()
        running.start_imgopt(f"bench-{tier}", "serve", "--no-setup", port=port, **settings)
    for tier in FURTHER:
        running.processes.wait_until(f"bench-{tier}", lambda port=ports[tier]: is_healthy(port))
    try:
        yield ports
    finally:
        for tier in FURTHER:
            running.processes.end(f"bench-{tier}")


class Bench:
    def __init__(self, running: Stack, photo: Path, ports: dict[str, int]) -> None:
        self.running = running
        self.ports = ports
        self.image = self._upload(photo)
        self.target = self._sign(w=str(WIDTH), fm="webp", q="75")
        first = running.request(self.target, port=ports["memory"])
        self.body, self.etag = first.body, first.headers["etag"]
        for tier, port in ports.items():
            found = [running.request(self.target, port=port, headers={"Accept": ACCEPT}) for _ in range(3)][-1]
            if found.headers["x-cache"] != tier:
                raise RuntimeError(f"Expected a hit from {tier}, received one from {found.headers['x-cache']}.")

    def tiers(self, bare_port: int) -> dict[str, Any]:
        """Hits a second and their latency, in turns; then one client alone, beside what is bare."""
        line("variant", f"{len(self.body):,} bytes, WebP of {WIDTH} px")
        contenders = {"nginx, file": (bare_port, "/body")}
        contenders |= {tier: (port, self.target) for tier, port in self.ports.items()}
        rates: dict[str, list[dict[str, float]]] = {name: [] for name in contenders}
        for turn in range(TURNS + 1):
            for name, (port, target) in contenders.items():
                sample = loaded(port, target, connections=CONNECTIONS, seconds=SECONDS)
                if turn:  # the first one warms up
                    rates[name].append(sample)
        for name, samples in rates.items():
            rate, p50, p99 = (median_of(samples, figure) for figure in ("per_second", "p50", "p99"))
            line(name, f"{rate:>8,.0f} hits/s   p50 {p50:6.2f} ms   p99 {p99:6.2f} ms")
        return {"loaded": rates, "alone": self._alone(contenders)}

    def _alone(self, contenders: dict[str, tuple[int, str]]) -> dict[str, list[float]]:
        asked: dict[str, Callable[[], object]] = {name: keeping(*where) for name, where in contenders.items()}
        asked |= {
            "304": keeping(self.ports["memory"], self.target, etag=self.etag),
            "redis-py": bare_redis(self.running.plan, self.body),
            "boto3": bare_s3(self.running.plan, self.body),
        }
        found = {name: one_by_one(ask, ALONE) for name, ask in asked.items()}
        medians = {name: statistics.median(times) for name, times in found.items()}
        for tier, before, reference in ADDED:
            added = "" if before is None else f", {medians[tier] - medians[before]:.2f} ms more than {before}"
            bare = "" if reference is None else f"   reference ({reference}) {medians[reference]:.2f} ms"
            line(f"{tier} alone", f"{medians[tier]:6.2f} ms{added}{bare}")
        line("a 304", f"{medians['304']:6.2f} ms of a server, what nginx asks each minute")
        return found

    def cold(self) -> dict[str, Any]:
        """What a cold request spends outside libvips: its client's clock, and the renderer's own phases."""
        wall, phases = [], []
        connection = http.client.HTTPConnection("127.0.0.1", self.running.plan.port, timeout=60)
        for quality in range(60, 60 + COLD + 1):
            target = self._sign(w=str(WIDTH), fm="webp", q=str(quality if quality != 75 else 59))
            start = time.perf_counter()
            connection.request("GET", target)
            response = connection.getresponse()
            response.read()
            elapsed = time.perf_counter() - start
            if response.headers["X-Cache"] != "render":
                raise RuntimeError(f"Expected a render, received {response.headers['X-Cache']}.")
            if quality > 60:  # the first one starts what is started once
                wall.append(elapsed)
                phases.append(read_timing(response.headers["Server-Timing"]))
        connection.close()
        inside = [sum(each.get(name, 0.0) for name in LIBVIPS) for each in phases]
        outside = [1 - part / whole for part, whole in zip(inside, wall, strict=True)]
        share = statistics.median(outside)
        names = (*LIBVIPS, "render", "store", "total")
        told = ((name, 1000 * statistics.median(each.get(name, 0.0) for each in phases)) for name in names)
        line("cold", f"{1000 * statistics.median(wall):.0f} ms, {MEGAPIXELS} MP to WebP of {WIDTH} px, through nginx")
        line("of these", "   ".join(f"{name} {milliseconds:.1f}" for name, milliseconds in told))
        verdict = "met" if share <= GOAL_OUTSIDE else "MISSED"
        line("outside", f"{share:.1%} of it outside libvips   goal at most {GOAL_OUTSIDE:.0%}: {verdict}")
        return {"wall": wall, "phases": phases, "outside": outside}

    def renders(self) -> dict[str, list[float]]:
        """Cold renders a second, a few at a time: by both servers through nginx, beside one alone."""
        found: dict[str, list[float]] = {"two": [], "one": []}
        widths = iter(range(400, 4000))
        for turn in range(TURNS + 1):
            for name, port in (("two", self.running.plan.port), ("one", self.ports["memory"])):
                todo: queue.SimpleQueue[str] = queue.SimpleQueue()
                for _ in range(RENDERS):
                    todo.put(self._sign(w=str(next(widths)), fm="webp", q="75", snap="0"))
                with ThreadPoolExecutor(AT_ONCE) as threads:
                    start = time.perf_counter()
                    for done in [threads.submit(drain, todo, fetcher(port)) for _ in range(AT_ONCE)]:
                        done.result()
                    rate = RENDERS / (time.perf_counter() - start)
                if turn:
                    found[name].append(rate)
        compare("cold, two", found["two"], found["one"], unit="renders/s (reference: one server)", goal=None)
        return found

    def _upload(self, photo: Path) -> str:
        body, kind = multipart(((photo.name, photo.read_bytes()),), {})
        answer = self._call("/api/v1/images", body, kind)
        return str(answer[0]["id"])

    def _sign(self, **params: str) -> str:
        document = json.dumps({"image": self.image, "params": params}).encode()
        parts = urlsplit(self._call("/api/v1/sign", document, "application/json")["url"])
        return f"{parts.path}?{parts.query}"

    def _call(self, target: str, body: bytes, kind: str) -> Any:
        headers = {"Authorization": f"Bearer {self.running.api_key}", "Content-Type": kind}
        answer = self.running.request(target, method="POST", body=body, headers=headers)
        if answer.status not in (200, 201):
            raise RuntimeError(f"{target}: {answer.status} {answer.body[:200]!r}")
        return json.loads(answer.body)


if __name__ == "__main__":
    main()
