"""The job API against the server that `make run` starts, as a client of icecube on a private network uses it."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.server import Answer, Server
from tests.images import encoded, scene

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

BURST = 300
BAD = 7
"""Every how many jobs one is bad."""
PATIENCE_SECONDS = 240


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    # With the limits for strangers as they are by default: an open network has none.
    settings = {"IMGOPT_JOBS_OPEN_NETWORKS": "127.0.0.0/8", "IMGOPT_JOBS_LEASE_SECONDS": "2"}
    server = Server(tmp_path_factory.mktemp("var"), environment=settings)
    server.start()
    yield server
    server.stop()


def begin(server: Server, original_id: str, *options: dict[str, Any]) -> dict[str, Any]:
    body = json.dumps({"originalID": original_id, "options": list(options)}).encode()
    answer = server.request("/api/v1/job", method="POST", body=body)  # urllib calls it a form
    assert answer.status == 201, answer.body
    return dict(answer.json)


def job_of(server: Server, job: dict[str, Any]) -> dict[str, Any]:
    answer = server.request(f"/api/v1/job/{job['id']}")
    assert answer.status == 200, answer.body
    return dict(answer.json)


def upload(server: Server, body: bytes) -> dict[str, Any]:
    answer: Answer = server.upload(server.api_key, ("Red shoe (1).png", body))
    assert answer.status == 201, answer.body
    return dict(answer.json[0])


def wait_until(is_so: Callable[[], bool]) -> None:
    """This will poll, as a client of this API must."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < give_up_at, "it did not happen in time"
        time.sleep(0.05)


def worker_of(server: Server) -> int | None:
    """This will find the worker process beside the server."""
    assert server.process is not None
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if f"--parent={server.process.pid}".encode() in words:
            return int(folder.name)
    return None


def test_the_way_of_the_table_without_a_key(server: Server) -> None:
    assert server.request("/api/v1/health").json == {"message": "Service is healthy"}
    image = upload(server, encoded(scene(400, 300), "png"))
    job = begin(server, image["id"], {"format": "webp", "maxDimension": 200, "quality": 80}, {"format": "jpeg"})
    assert job["status"] == "pending"
    wait_until(lambda: job_of(server, job)["status"] == "completed")
    done = job_of(server, job)
    assert done["lockedAt"] >= done["createdAt"]
    first = done["tasks"][0]["variantID"]
    told = server.request(f"/api/v1/image/{first}/metadata").json
    assert (told["originalName"], told["format"], told["width"], told["height"]) == ("Red_shoe_1", "webp", 200, 150)
    bytes_of = server.request(f"/image/{first}")
    assert (len(bytes_of.body), bytes_of.headers["content-type"]) == (told["byteSize"], "image/webp")
    assert server.request("/api/v1/images").status == 401


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="finds the worker in /proc")
def test_a_burst_with_bad_jobs_and_a_killed_worker_ends_with_every_job_ended(server: Server) -> None:
    """Each good job has one result, each bad one its reason, and none is left behind."""
    good, bad = (upload(server, encoded(scene(120, 90, seed=seed), "png")) for seed in (1, 2))
    before = server.api("/api/v1/images?limit=1", server.api_key).json["count"]
    jobs, wanted = [], []
    for number in range(BURST):
        is_bad = number % BAD == 0
        jobs.append(begin(server, (bad if is_bad else good)["id"], {"format": "webp", "maxDimension": 20 + number % 9}))
        wanted.append("failed" if is_bad else "completed")
        if number == 0:  # the file of all bad ones is spoilt before a worker may have read it often
            spoil(server, bad)
    wait_until(lambda: job_of(server, jobs[40])["status"] != "pending")
    first_worker = worker_of(server)
    assert first_worker is not None
    os.kill(first_worker, signal.SIGKILL)

    wait_until(lambda: all(job_of(server, job)["status"] in ("completed", "failed") for job in reversed(jobs)))
    assert worker_of(server) not in (None, first_worker)
    ended = [job_of(server, job) for job in jobs]
    # The first bad one may have been quick enough.
    assert [job["status"] for job in ended[1:]] == wanted[1:]
    assert all(job["reason"] for job in ended if job["status"] == "failed")
    made = [task["variantID"] for job in ended for task in job["tasks"] if task["variantID"]]
    assert len(set(made)) == len(made) == Counter(job["status"] for job in ended)["completed"]
    after = server.api("/api/v1/images?limit=1", server.api_key).json["count"]
    assert after - before == len(made), "one result of each job, and nothing else"


def spoil(server: Server, image: dict[str, Any]) -> None:
    """This will make other bytes of a stored file, as a failing disk does."""
    digest_and_size = server.api(f"/api/v1/image/{image['id']}", server.api_key).json["byteSize"]
    for file in (server.data_dir / "masters").rglob("*"):
        if file.is_file() and file.stat().st_size == digest_and_size:
            file.chmod(0o600)
            file.write_bytes(b"x" * digest_and_size)
