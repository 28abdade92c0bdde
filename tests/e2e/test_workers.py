"""Workers beside the server: started with it, told of in its figures, ended with it."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.processes import command_line, tree
from tests.e2e.server import Server
from tests.jobs.crew import REDIS_URL
from tests.jobs.services import need

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
DONE = re.compile(r'^imgopt_jobs_total\{kind="prune",outcome="done"\} 1\.0$', re.MULTILINE)


@pytest.fixture(params=["table", pytest.param("celery", marks=pytest.mark.services)])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    environment = {"IMGOPT_JOBS_ENGINE": request.param}
    if request.param == "celery":
        need(6379)
        prefix = f"e2e-{secrets.token_hex(4)}"
        environment |= {"IMGOPT_JOBS_BROKER_URL": REDIS_URL, "IMGOPT_JOBS_PREFIX": prefix}
    found = Server(tmp_path, environment)
    found.start()
    yield found
    found.stop()


def workers_of(server: Server) -> list[int]:
    assert server.process is not None
    return [pid for pid in tree(server.process.pid) if "worker" in command_line(pid)]


def test_workers_begin_and_end_with_the_server(server: Server) -> None:
    give_up_at = time.monotonic() + 60
    while not DONE.search(server.request("/metrics").body.decode()):
        assert time.monotonic() < give_up_at, server.text
        time.sleep(0.2)
    celery = server.environment["IMGOPT_JOBS_ENGINE"] == "celery"
    ready = server.request("/readyz").json
    assert ("broker" in ready["dependencies"], ready["status"]) == (celery, "ok")
    workers = workers_of(server)
    assert len(workers) == (3 if celery else 1)
    assert server.stop() == 0
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]
