"""Celery on a real Redis and a real RabbitMQ: whatever becomes of the broker, no job is lost and none done twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from celery import Celery
from kombu import Queue

from tests.jobs.crew import PLACES, Crew, Place, crew
from tests.jobs.services import need
from tests.proxy import Proxy

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(180)]

REDIS, RABBITMQ = "celery-redis", "celery-rabbitmq"


def on(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("place", names, indirect=True)


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Place:
    found = PLACES[request.param]
    need(*found.ports)
    return found


@pytest.fixture
def workers(place: Place, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Crew]:
    with crew(request.node.callspec.params["place"], tmp_path) as found:
        yield found


@pytest.fixture
def proxy(place: Place) -> Iterator[Proxy]:
    found = Proxy(place.ports[-1])
    yield found
    found.close()


@pytest.fixture
def behind_proxy(place: Place, proxy: Proxy, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Crew]:
    url = place.broker_url.replace(str(place.ports[-1]), str(proxy.port))
    with ExitStack() as stack:
        yield stack.enter_context(crew(request.node.callspec.params["place"], tmp_path, broker_url=url))


@on(REDIS, RABBITMQ)
def test_a_broker_that_is_emptied_in_the_midst_of_300_jobs_loses_none(workers: Crew) -> None:
    workers.ask("be_patient")
    workers.ask("enqueue", number=300, seconds=0.02)
    workers.hire()
    workers.wait_for(10, "done")
    assert workers.empty_broker() > 50
    workers.wait_for_ends(300)
    workers.check_each_has_one_result(300)


@on(REDIS, RABBITMQ)
def test_a_worker_that_starts_after_the_broker_forgot_does_what_there_is(workers: Crew) -> None:
    workers.ask("be_patient")
    workers.ask("enqueue", number=20)
    assert workers.empty_broker() == 20
    workers.hire()
    workers.wait_for_ends(20)
    workers.check_each_has_one_result(20)


@on(REDIS, RABBITMQ)
def test_a_broker_that_is_down_costs_those_who_enqueue_nothing_and_loses_nothing(
    behind_proxy: Crew, proxy: Proxy
) -> None:
    behind_proxy.ask("enqueue", number=3)
    proxy.cut()
    began = time.monotonic()
    behind_proxy.ask("enqueue", number=20)
    assert time.monotonic() - began < 10
    behind_proxy.hire()
    proxy.open()
    behind_proxy.wait_for_ends(23)
    behind_proxy.check_each_has_one_result(23)


@on(REDIS, RABBITMQ)
def test_a_broker_that_hangs_costs_those_who_enqueue_a_moment_and_loses_nothing(
    behind_proxy: Crew, proxy: Proxy
) -> None:
    behind_proxy.ask("enqueue", number=3)
    proxy.silence()
    began = time.monotonic()
    behind_proxy.ask("enqueue", number=20)
    assert time.monotonic() - began < 10, "without limits it would hang for ever"
    proxy.resume()
    behind_proxy.hire()
    behind_proxy.wait_for_ends(23)
    behind_proxy.check_each_has_one_result(23)


@on(REDIS, RABBITMQ)
def test_a_broker_that_goes_and_comes_back_finds_its_worker_again(behind_proxy: Crew, proxy: Proxy) -> None:
    worker = behind_proxy.hire()
    behind_proxy.ask("enqueue", number=50, seconds=0.1)
    behind_proxy.wait_for(5, "done")
    proxy.cut()
    proxy.open()
    behind_proxy.wait_for_ends(50)
    behind_proxy.check_each_has_one_result(50)
    assert worker.poll() is None
    worker.terminate()
    assert worker.wait(20) == 0


@on(RABBITMQ)
def test_told_to_end_while_the_broker_hangs_a_worker_ends_in_good_order(behind_proxy: Crew, proxy: Proxy) -> None:
    worker = behind_proxy.hire(IMGOPT_JOBS_GRACE_SECONDS="0.5")
    [job] = behind_proxy.ask("enqueue", seconds=60)
    behind_proxy.wait_for(1, "running")
    proxy.silence()
    worker.terminate()
    assert worker.wait(20) == 0
    [row] = behind_proxy.ask("jobs")
    assert (row["id"], row["state"], row["attempts"]) == (job, "waiting", 0)


@on(REDIS)
def test_messages_that_come_twice_or_mean_nothing_are_nothing(workers: Crew, place: Place) -> None:
    [job] = workers.ask("enqueue")
    sender = Celery("stranger", broker=place.broker_url, set_as_current=False)
    redis = {"global_keyprefix": f"{workers.prefix}:"} if place.broker_url.startswith("redis") else {}
    arguments = None if redis else {"x-max-priority": 9}
    sender.conf.update(
        broker_transport_options=redis,
        task_ignore_result=True,
        task_queues=[Queue(f"{workers.prefix}.renders", queue_arguments=arguments)],
    )
    for body in (job, job, "01900000-0000-7000-8000-000000000000", "'; DROP TABLE jobs_job; --"):
        sender.send_task("imgopt.attempt", (body,), queue=f"{workers.prefix}.renders")
    sender.send_task("os.system", ("true",), queue=f"{workers.prefix}.renders")
    sender.close()
    workers.hire()
    workers.wait_for_ends(1)
    workers.ask("enqueue", number=5)
    workers.wait_for_ends(6)
    workers.check_each_has_one_result(6)


@on(RABBITMQ)
def test_one_command_starts_a_process_for_each_queue_and_ends_them_all(workers: Crew) -> None:
    worker = workers.hire(queues="renders,notifications,upkeep")
    workers.ask("enqueue", number=2)
    workers.wait_for_ends(2)
    workers.wait_for(1, "done", kinds=["prune"])
    by = {job["worker"] for job in workers.ask("jobs", kinds=["errand", "prune"])}
    assert len(by) == 2
    assert str(worker.pid) not in by
    worker.terminate()
    assert worker.wait(30) == 0
    assert not [pid for pid in by if Path(f"/proc/{pid}").exists()]


@on(REDIS)
def test_workers_end_with_who_started_them(workers: Crew) -> None:
    worker = workers.hire(queues="renders,upkeep")
    workers.wait_for(1, "done", kinds=["prune"])
    [pid] = {job["worker"] for job in workers.ask("jobs", kinds=["prune"])}
    worker.kill()
    worker.wait()
    workers.wait_until(lambda: not Path(f"/proc/{pid}").exists(), "their end")


@on(REDIS, RABBITMQ)
def test_the_most_urgent_of_those_that_wait_goes_first(workers: Crew) -> None:
    workers.ask("be_patient")
    low = workers.ask("enqueue", number=6, priority=-3, seconds=0.01)
    high = workers.ask("enqueue", number=3, priority=3)
    workers.hire(IMGOPT_JOBS_CONCURRENCY="renders=1")
    workers.wait_for_ends(9)
    ended = sorted(workers.ask("jobs"), key=lambda job: job["finished_at"])
    assert [job["id"] for job in ended] == [*high, *low]
