"""Real workers: told while a broker is down and a worker is killed, everybody hears everything."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from tests.assets.origins.site import Site
from tests.jobs.crew import PATIENCE_SECONDS, PLACES, ROOT, crew
from tests.jobs.notifications.cluster import Cluster
from tests.jobs.notifications.world import HOOK
from tests.jobs.services import need

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

JOBS = 20
TELL = f"""
import django
django.setup()
from jobs.notifications import endpoint_secrets
from jobs.notifications.models import Endpoint
from jobs.notifications.outbox import tell
made = Endpoint.objects.create(url="%s")
print(endpoint_secrets.issue(made).text)
for number in range({JOBS}):
    for kind, status in (("job.started", "processing"), ("job.completed", "completed")):
        assert tell(kind, f"job-{{number}}", {{"jobId": f"job-{{number}}", "status": status}})
"""


@pytest.mark.parametrize("place", ["table-sqlite", pytest.param("celery-redis", marks=pytest.mark.services)])
def test_an_outage_and_a_killed_worker_lose_nothing(place: str, site: Site, cluster: Cluster, tmp_path: Path) -> None:
    need(*PLACES[place].ports)
    cluster.down()
    environment = {
        "IMGOPT_SIGNING_KEYS": f"a1:{'0' * 64}",
        "IMGOPT_WEBHOOKS_PRIVATE_NETWORKS": "127.0.0.0/8",
        "IMGOPT_KAFKA_BROKERS": cluster.address,
        "IMGOPT_KAFKA_TOPIC": "jobs",
        "IMGOPT_KAFKA_TIMEOUT_SECONDS": "1",
    }
    with crew(place, tmp_path, **environment) as workers:

        def count(state: str) -> int:
            return int(workers.ask("states", kinds=["webhook", "kafka"]).get(state, 0))

        code = [sys.executable, "-c", TELL % f"{site.url}{HOOK}"]
        told = subprocess.run(
            code, cwd=ROOT, env=workers.environment, capture_output=True, text=True, check=True, timeout=60
        )
        secret = told.stdout.strip()
        assert count("waiting") == 4 * JOBS

        first = workers.hire(queues="notifications")
        workers.wait_until(lambda: len(site.bodies) >= JOBS // 2, "half of the webhooks")
        first.kill()
        first.wait()
        assert count("waiting") + count("running") >= 2 * JOBS, "nothing is done that no broker has"
        cluster.up()
        second = workers.hire(queues="notifications")
        read = cluster.read("jobs", 2 * JOBS, seconds=PATIENCE_SECONDS)
        workers.wait_until(lambda: count("done") == 4 * JOBS, "every delivery")
        second.send_signal(signal.SIGTERM)
        assert second.wait(30) == 0, workers.words
        log = workers.log.read_text()

    assert len(site.bodies) <= 2 * JOBS + 4, "what the killed worker had in hand may come twice"
    for headers, body in site.posted:
        Webhook(secret).verify(body, headers)
    for number in range(JOBS):
        statuses = [each.value["status"] for each in read if each.key == f"job-{number}"]
        assert statuses == ["processing", "completed"]
    assert secret.removeprefix("whsec_") not in log
