"""PostgreSQL is gone for a minute under load, and nobody who looks at pictures notices."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
import redis

from tests.e2e.server import ROOT, Answer, Server, free_port
from tests.fleet import Fleet, fleet, rows
from tests.images import encoded, scene
from tests.jobs.crew import REDIS_URL
from tests.waiting import wait_until

pytestmark = [pytest.mark.services, pytest.mark.faults, pytest.mark.timeout(300)]

OUTAGE_SECONDS = 60.0
PAUSE_SECONDS = 0.1
"""Between two rounds of the load."""
WIDTHS = (320, 480)
COPIES = 40


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Two servers, the second of which has no memory of its own, and a worker."""
    with fleet(
        tmp_path_factory.mktemp("fleet"),
        servers=0,
        IMGOPT_JOBS_ENGINE="celery",
        IMGOPT_DELIVERY_QUALITY="default",
        IMGOPT_DELIVERY_DRAFTS="false",
        IMGOPT_JOBS_OPEN_NETWORKS="127.0.0.0/8",
        IMGOPT_JOBS_LEASE_SECONDS="5",
        IMGOPT_APIKEYS_RATE="1000",
        IMGOPT_APIKEYS_BURST="1000",
    ) as found:
        found.environment["IMGOPT_JOBS_PREFIX"] = found.redis_prefix
        one, two = found.add(), found.add(IMGOPT_DELIVERY_MEMORY_MB="0")
        one.start()
        two.start()
        try:
            yield found
        finally:
            one.stop()
            two.stop()


@pytest.fixture(scope="module")
def worker(machines: Fleet) -> Iterator[subprocess.Popen[bytes]]:
    environment = Server(machines.folder / "worker", machines.environment, port=free_port()).whole_environment
    with (machines.folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "worker"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    yield process
    process.terminate()
    process.wait(60)


def test_a_minute_without_it(machines: Fleet, worker: subprocess.Popen[bytes]) -> None:
    one, two = machines.servers
    image = upload(machines)
    targets = [sign(machines, image, w=str(width), fm="webp", q="60") for width in WIDTHS]
    for server in (one, two):
        assert {server.request(target).status for target in targets} == {200}
    assert one.request(targets[0]).headers["x-cache"] == "memory"
    assert two.request(targets[0]).headers["x-cache"] == "redis"
    rendered = len(machines.renders())
    jobs = [begin_copy(one, image, number) for number in range(COPIES)]

    machines.database.cut()
    with load(machines, targets) as seen:
        cut_at = time.monotonic()
        wait_until(lambda: len(seen.of_api) >= 3)
        assert time.monotonic() - cut_at < OUTAGE_SECONDS
        forget_variants(machines)  # now they are found in S3
        wait_until(lambda: "storage" in seen.tiers)
        cold = one.request(sign_here(targets[0]))
        assert (cold.status, cold.json["code"]) == (403, "bad_signature")  # keys are known without it
        time.sleep(max(0.0, OUTAGE_SECONDS - (time.monotonic() - cut_at)))
        assert unfinished(machines) > 0
        machines.database.open()
        wait_until(lambda: one.api("/api/v1/images", machines.api_key).status == 200)
        wait_until(lambda: two.api("/api/v1/images", machines.api_key).status == 200)

    assert seen.statuses == Counter({200: seen.asked})
    assert seen.asked > 100
    assert {"memory", "redis", "storage"} == set(seen.tiers)
    away = [answer for answer in seen.of_api if answer.status != 200]
    assert len(away) >= 3
    for answer in away:
        assert (answer.status, answer.json["code"]) == (503, "database_unavailable")
        assert answer.json["message"] == answer.json["error"]
        assert (answer.headers["retry-after"], answer.headers["cache-control"]) == ("2", "no-store")

    wait_until(lambda: unfinished(machines) == 0)
    assert [one.request(f"/api/v1/job/{job}").json["status"] for job in jobs] == ["completed"] * COPIES
    assert worker.poll() is None
    again = upload(machines)
    assert two.request(sign(machines, again, w="320")).status == 200
    assert not set(machines.renders()[rendered:]) & set(machines.renders()[:rendered])


class Seen:
    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.tiers: Counter[str] = Counter()
        self.of_api: list[Answer] = []

    @property
    def asked(self) -> int:
        return self.statuses.total()


@contextmanager
def load(machines: Fleet, targets: list[str]) -> Iterator[Seen]:
    """Viewers at both servers, and a program that lists masters."""
    seen, over = Seen(), threading.Event()

    def view(server: Server) -> None:
        while not over.wait(PAUSE_SECONDS):
            for target in targets:
                answer = server.request(target)
                seen.statuses[answer.status] += 1
                seen.tiers[answer.headers.get("x-cache", "none")] += 1

    def call() -> None:
        while not over.wait(1.0):
            seen.of_api.append(machines.servers[0].api("/api/v1/images", machines.api_key))

    tasks: list[Callable[[], None]] = [*(lambda each=each: view(each) for each in machines.servers), call]
    threads = [threading.Thread(target=task) for task in tasks]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        for thread in threads:
            thread.join()


def upload(machines: Fleet) -> str:
    picture = encoded(scene(900, 600, seed=len(machines.renders()) + 2), "jpeg")
    answer = machines.servers[0].upload(machines.api_key, ("photo.jpg", picture))
    assert answer.status == 201, answer.body
    return str(answer.json[0]["id"])


def sign(machines: Fleet, image: str, **params: str) -> str:
    document = {"image": image, "params": params}
    answer = machines.servers[0].api("/api/v1/sign", machines.api_key, method="POST", document=document)
    assert answer.status == 200, answer.body
    parts = urlsplit(answer.json["url"])
    return f"{parts.path}?{parts.query}"


def sign_here(target: str) -> str:
    """The same with a signature that nobody made."""
    return target[:-4] + ("aaaa" if target[-4:] != "aaaa" else "bbbb")


def begin_copy(server: Server, image: str, number: int) -> str:
    body = json.dumps({"originalID": image, "options": [{"format": "webp", "maxDimension": 100 + number}]}).encode()
    answer = server.request("/api/v1/job", method="POST", body=body)
    assert answer.status == 201, answer.body
    return str(answer.json["id"])


def unfinished(machines: Fleet) -> int:
    """Of the copies, as the database knows it past the proxy."""
    [(number,)] = rows(machines, "SELECT count(*) FROM jobs_job WHERE queue = 'renders' AND finished_at IS NULL")
    return int(number)


def forget_variants(machines: Fleet) -> None:
    with redis.Redis.from_url(REDIS_URL) as client:
        names = list(client.scan_iter(f"{machines.redis_prefix}:*variants:*", count=1000))
        assert names
        client.delete(*names)
