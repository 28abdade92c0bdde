"""Warm hits: a variant of about 40 KB from one server process, beside the same bytes from a bare WSGI function.

The server has one core and the clients another. The bare function runs under the command line that our own Granian
was started with, only the application and the port being others.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.load import Order, measure
from benchmarks.processes import command_line, cpu_seconds, tree
from benchmarks.report import compare, heading, line, percentile, save
from benchmarks.serving import photos, running_on, serving, sign, upload
from tests.e2e.server import Server, free_port

CONNECTIONS = 32
TURNS = 5
SECONDS = 3.0
WANTED_BYTES = 40_000
SERVER_CORE, CLIENT_CORE = 0, 1
GOAL = 0.6
SATURATED = 0.85


def main() -> None:
    heading("warm_hits", f"{CONNECTIONS} connections, server on core {SERVER_CORE}, clients on core {CLIENT_CORE}")
    with tempfile.TemporaryDirectory() as folder, serving(cores={SERVER_CORE}, IMGOPT_SERVER_WORKERS="1") as server:
        target, body = variant_of(server, upload(server, photos(Path(folder))[-1]), WANTED_BYTES)
        line("variant", f"{len(body):,} bytes")
        path = Path(folder) / "body"
        path.write_bytes(body)
        with bare(server, path) as (reference, port):
            contenders = {"ours": (granian_of(server), server.port), "reference": (reference, port)}
            samples: dict[str, list[Sample]] = {name: [] for name in contenders}
            for turn in range(TURNS + 1):
                for name, (pid, at) in contenders.items():
                    sample = one_turn(pid, at, target)
                    if turn:  # the first one warms up
                        samples[name].append(sample)
    tell(samples)
    turns = {name: [asdict(sample) for sample in each] for name, each in samples.items()}
    save("warm_hits", {"byte_size": len(body), "connections": CONNECTIONS, "turns": turns})


@dataclass(frozen=True, kw_only=True)
class Sample:
    hits_per_second: float
    hits_per_cpu_second: float
    """Of the server's processor time: what is left comparable when other programs take part of its core."""
    server_busy: float
    client_busy: float
    p50_ms: float
    p99_ms: float


def one_turn(pid: int, port: int, target: str) -> Sample:
    order = Order(port=port, target=target, connections=CONNECTIONS, seconds=SECONDS, core=CLIENT_CORE)
    before = cpu_seconds(tree(pid))
    outcome = measure(order)
    used = cpu_seconds(tree(pid)) - before
    return Sample(
        hits_per_second=outcome.answers / outcome.seconds,
        hits_per_cpu_second=outcome.answers / used,
        server_busy=used / outcome.seconds,
        client_busy=outcome.client_busy,
        p50_ms=percentile(outcome.latencies_ms, 0.5),
        p99_ms=percentile(outcome.latencies_ms, 0.99),
    )


def tell(samples: dict[str, list[Sample]]) -> None:
    ours, reference = samples["ours"], samples["reference"]
    compare(
        "", [each.hits_per_second for each in ours], [each.hits_per_second for each in reference],
        unit="hits/s", goal=GOAL,
    )  # fmt: skip
    compare(
        "", [each.hits_per_cpu_second for each in ours], [each.hits_per_cpu_second for each in reference],
        unit="hits per second of the server's processor time", goal=GOAL,
    )  # fmt: skip
    for name, turns in samples.items():
        last = turns[-1]
        line(name, f"p50 {last.p50_ms:.2f} ms, p99 {last.p99_ms:.2f} ms, server core {last.server_busy:.0%} busy")
    if min(each.server_busy for each in (*ours, *reference)) < SATURATED:
        line("NOTE", "the server's core was not all its own: trust the figure per processor second")


def variant_of(server: Server, image: str, wanted_bytes: int) -> tuple[str, bytes]:
    """This will find the WebP whose size is nearest to the wanted one."""
    found = []
    for width in (480, 560, 640, 720, 800, 960, 1080, 1200, 1440, 1600):
        target = sign(server, image, w=str(width), fm="webp")
        found.append((target, server.request(target).body))
    return min(found, key=lambda each: abs(len(each[1]) - wanted_bytes))


def granian_of(server: Server) -> int:
    """This will find Granian's main process under `manage.py serve`."""
    if server.process is None:
        raise RuntimeError("the server does not run")
    return next(pid for pid in tree(server.process.pid) if "granian" in command_line(pid))


@contextmanager
def bare(server: Server, body: Path) -> Iterator[tuple[int, int]]:
    """This will run the reference beside our server, and give its process id and port."""
    port = free_port()
    command = [
        f"--port={port}" if word.startswith("--port=") else word.replace("imgopt.wsgi:", "benchmarks.bare:")
        for word in command_line(granian_of(server))
    ]
    environment = {**os.environ, "BENCH_BODY": str(body)}
    with running_on({SERVER_CORE}):
        # In a session of its own as our server is: Linux shares processor time out by session (autogroup).
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        wait_for(server, port)
        yield process.pid, port
    finally:
        process.terminate()
        process.wait(30)


def wait_for(server: Server, port: int) -> None:
    for _ in range(200):
        try:
            server.request(f"http://127.0.0.1:{port}/")
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the bare server did not start")


if __name__ == "__main__":
    main()
