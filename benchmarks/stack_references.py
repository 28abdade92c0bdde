"""What `benchmarks.stack` compares with, and how it asks."""

from __future__ import annotations

import http.client
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import boto3
import redis
from botocore.config import Config

from benchmarks.load import ACCEPT, Order, measure
from benchmarks.report import percentile
from deploy import nginx
from deploy.stack import ceph
from deploy.stack.plan import Plan
from deploy.stack.processes import Processes, answers, free_port
from deploy.stack.services import find_program

BARE = """
server {{
    listen 127.0.0.1:{port};
    access_log {folder}/access.log;
    root {folder}/files;
    default_type image/webp;
    open_file_cache max=10;
}}
"""
"""nginx and a file: no cache to look into, but the same line in a log."""


@contextmanager
def bare_nginx(folder: Path, body: bytes) -> Iterator[int]:
    """This will serve the same bytes as a file, and give the port."""
    home, port = folder / "bare", free_port()
    (home / "files").mkdir(parents=True)
    (home / "files" / "body").write_bytes(body)
    main = nginx.write(home, ["127.0.0.1:1"], LISTEN=f"127.0.0.1:{free_port()}")
    (home / "imgopt.conf").write_text(BARE.format(folder=home, port=port))
    processes = Processes(home)
    program = find_program("nginx") or "nginx"
    processes.start("nginx", [program, "-e", str(home / "error.log"), "-p", f"{home}/", "-c", str(main)])
    processes.wait_until("nginx", lambda: answers(port))
    try:
        yield port
    finally:
        processes.end("nginx")


def bare_redis(plan: Plan, body: bytes) -> Callable[[], object]:
    """This will keep the bytes in the stack's Redis under a name of their own, and ask for them."""
    client = redis.Redis(port=plan.redis_port)
    client.set("bench-body", body)
    return lambda: client.get("bench-body")


def bare_s3(plan: Plan, body: bytes) -> Callable[[], object]:
    client = boto3.client(
        "s3",
        endpoint_url=ceph.endpoint(plan.s3_port),
        region_name=ceph.REGION,
        aws_access_key_id=ceph.ACCESS_KEY,
        aws_secret_access_key=ceph.SECRET_KEY,
        config=Config(s3={"addressing_style": "path"}),
    )
    bucket = plan.buckets[1]
    client.put_object(Bucket=bucket, Key="bench-body", Body=body)
    return lambda: client.get_object(Bucket=bucket, Key="bench-body")["Body"].read()


def keeping(port: int, target: str, *, etag: str = "") -> Callable[[], object]:
    """This will ask again and again over one connection; with an `etag`, whether it still holds."""
    headers = {"Accept": ACCEPT, **({"If-None-Match": etag} if etag else {})}
    wanted = 304 if etag else 200
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask() -> None:
        connection.request("GET", target, headers=headers)
        response = connection.getresponse()
        response.read()
        if response.status != wanted:
            raise RuntimeError(f"Expected {wanted}, received {response.status}.")

    return ask


def one_by_one(ask: Callable[[], object], times: int) -> list[float]:
    """This will give the milliseconds of each call, after a few that warm up."""
    for _ in range(20):
        ask()
    found = []
    for _ in range(times):
        start = time.perf_counter()
        ask()
        found.append(1000 * (time.perf_counter() - start))
    return found


def loaded(port: int, target: str, *, connections: int, seconds: float) -> dict[str, float]:
    outcome = measure(Order(port=port, target=target, connections=connections, seconds=seconds))
    return {
        "per_second": outcome.answers / outcome.seconds,
        "p50": percentile(outcome.latencies_ms, 0.5),
        "p99": percentile(outcome.latencies_ms, 0.99),
        "client_busy": outcome.client_busy,
    }


def read_timing(header: str) -> dict[str, float]:
    """This will read W3C Server Timing, in seconds."""
    return {name: float(value) / 1000 for name, value in re.findall(r"(\w+);dur=([0-9.]+)", header)}


def of_megapixels(found: Sequence[Path], folder: Path, megapixels: int) -> Path:
    """This will give a JPEG of that size: a photograph that has it, or one made larger in a process of its own."""
    script = (
        "import sys, pyvips\n"
        "image = pyvips.Image.new_from_file(sys.argv[1])\n"
        "scale = (float(sys.argv[3]) * 1e6 / image.width / image.height) ** 0.5\n"
        "print(round(image.width * image.height / 1e6))\n"
        "image.colourspace('srgb').resize(scale).jpegsave(sys.argv[2], Q=90)\n"
    )
    made = folder / "large.jpg"
    for photo in [*(path for path in found if path.suffix == ".jpg"), found[0]]:
        done = subprocess.run(
            [sys.executable, "-c", script, str(photo), str(made), str(megapixels)],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        if int(done.stdout) == megapixels and photo.suffix == ".jpg":
            shutil.copy(photo, made)
            break
    return made


def median_of(samples: Sequence[dict[str, float]], name: str) -> float:
    return statistics.median(each[name] for each in samples)
