"""The Celery engine's settings and its sending, without a broker."""

from __future__ import annotations

import json
import ssl
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from celery.worker import state
from django.db import OperationalError, transaction
from django.utils import timezone
from kombu import Connection
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks, Settings

from jobs import announcements, checks, ledger
from jobs.engines import celery
from jobs.engines.celery_worker import CeleryWorker
from jobs.engines.line import BrokerAway
from jobs.models import Job
from jobs.worker import WorkerConfig
from tests.delivery.world import configure
from tests.jobs.conftest import MakeKind

NOBODY = "redis://127.0.0.1:1/0"


@pytest.fixture(autouse=True)
def _engine(settings: Settings) -> Iterator[None]:
    settings.CONFIG = settings.CONFIG
    begin(NOBODY)
    yield
    celery.app.cache_clear()
    celery.line.cache_clear()


def begin(url: str, **changes: Any) -> None:
    configure(jobs_engine="celery", jobs_broker_url=url, **changes)
    celery.app.cache_clear()
    celery.line.cache_clear()


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    """A broker inside this process, which is given all the time it needs."""
    begin("memory://")
    monkeypatch.setattr(celery, "WAIT_SECONDS", 30.0)
    monkeypatch.setattr(celery, "SEND_SECONDS", 30.0)
    with celery.connect() as connection:
        yield connection
        for queue in ("renders", "notifications", "upkeep"):
            connection.default_channel.queue_delete(celery.queue_name(queue))


def test_ids_and_nothing_else_are_carried() -> None:
    conf = celery.app().conf
    assert (conf.task_serializer, conf.accept_content, conf.result_backend) == ("json", ["json"], None)
    assert conf.task_ignore_result
    assert conf.task_acks_late
    assert conf.task_reject_on_worker_lost
    assert conf.worker_prefetch_multiplier == 1
    assert not conf.worker_enable_remote_control


def test_what_a_lost_worker_had_is_seen_again_after_two_leases_not_after_an_hour() -> None:
    options = celery.app().conf.broker_transport_options
    assert options["visibility_timeout"] == 60
    assert options["unacked_restore_interval"] * options["unacked_restore_throttle"] <= 15


@pytest.mark.parametrize(
    ("broker", "redis", "found"),
    [
        ("amqp://u@h//", "redis://h/0", "amqp://u@h//"),
        ("", "redis://h:1/3", "redis://h:1/3"),
        ("", "unix:///run/redis.sock?db=2", "redis+socket:///run/redis.sock?virtual_host=2"),
        ("", "unix:///run/redis.sock", "redis+socket:///run/redis.sock?virtual_host=0"),
    ],
)
def test_the_broker_is_redis_unless_another_is_named(broker: str, redis: str, found: str) -> None:
    configure(jobs_broker_url=broker, redis_url=redis)
    assert celery.broker_url() == found


@pytest.mark.parametrize(
    ("url", "field"), [("rediss://h:1/0", "ssl_cert_reqs"), ("amqps://u@h//", "cert_reqs"), ("redis://h:1/0", None)]
)
def test_certificates_are_checked(url: str, field: str | None) -> None:
    begin(url)
    found: Any = celery.connect().ssl
    assert found[field] == ssl.CERT_REQUIRED if field else not found


@pytest.mark.parametrize("url", [NOBODY, "amqp://h//"])
def test_higher_priorities_go_first_in_either_broker(url: str) -> None:
    begin(url)
    found = [celery.broker_priority(priority) for priority in (-100, -4, -1, 0, 1, 5, 100)]
    assert found == sorted(found, reverse=celery.is_redis())
    assert len(set(found)) == 5
    assert all(0 <= priority <= 9 for priority in found)


def test_without_a_broker_it_does_not_start() -> None:
    configure(jobs_broker_url="", redis_url="")
    [message] = checks.check_broker()
    assert (message.id, message.level) == ("jobs.E001", 40)
    configure(redis_url="redis://h/0")
    assert checks.check_broker() == []
    configure(redis_url="", jobs_broker_url="amqp://h//")
    assert checks.check_broker() == []
    configure(jobs_broker_url="", jobs_engine="table")
    assert checks.check_broker() == []


def received(connection: Connection, queue: str = "renders") -> list[dict[str, Any]]:
    found = []
    while message := connection.default_channel.basic_get(celery.queue_name(queue), no_ack=True):
        found.append({"body": message.payload, **message.headers, **message.properties})
    return found


@pytest.mark.django_db
def test_a_job_is_announced_when_its_transaction_is_committed(
    memory: Connection, make_kind: MakeKind, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        with transaction.atomic():
            job = ledger.enqueue(make_kind(), {"secret": "abc"})
        assert received(memory) == []
    [message] = received(memory)
    args, kwargs, _ = message["body"]
    assert (message["task"], args, kwargs) == ("imgopt.attempt", [str(job.id)], {})
    assert "abc" not in json.dumps(message), "the id is all that leaves"
    assert (message["eta"], message["expires"]) == (None, None)
    assert Job.objects.get(id=job.id).announced_at is not None


@pytest.mark.django_db
def test_it_goes_to_the_queue_of_its_kind(
    memory: Connection, make_kind: MakeKind, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        ledger.enqueue(make_kind(name="letter", queue="notifications"), {})
    assert len(received(memory, "notifications")) == 1
    assert received(memory) == []


@pytest.mark.django_db
def test_what_is_due_later_is_left_to_the_sweeper(memory: Connection, make_kind: MakeKind) -> None:
    job = ledger.enqueue(make_kind(), {}, run_at=timezone.now() + timedelta(seconds=60))
    celery.send([job])
    assert received(memory) == []
    assert Job.objects.get(id=job.id).announced_at is None


@pytest.mark.django_db
def test_while_the_broker_is_left_alone_the_ledger_is_too(
    make_kind: MakeKind, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    jobs = [ledger.enqueue(make_kind(), {})]
    celery.send(jobs)
    with django_assert_num_queries(0):
        celery.send(jobs)


@pytest.mark.django_db
def test_a_broker_that_is_down_is_no_error_and_its_jobs_are_not_announced(make_kind: MakeKind) -> None:
    jobs = [ledger.enqueue(make_kind(), {}) for _ in range(3)]
    celery.send(jobs)
    assert announcements.find_unmarked(10) == [job.id for job in jobs]


@pytest.mark.django_db
def test_a_broker_that_hangs_costs_a_fraction_of_a_second_for_all(
    make_kind: MakeKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert celery.WAIT_SECONDS < 0.5
    waits: list[float] = []

    def call(_function: object, *, seconds: float) -> None:
        waits.append(seconds)
        raise BrokerAway("No answer in time.")

    monkeypatch.setattr(celery.line(), "call", call)
    celery.send([ledger.enqueue(make_kind(), {}) for _ in range(celery.AT_ONCE + 5)])
    assert waits == [celery.WAIT_SECONDS], "asked once, however many there are"


@pytest.mark.django_db
def test_of_a_large_batch_so_much_is_sent_as_time_allows(memory: Connection, make_kind: MakeKind) -> None:
    jobs = [ledger.enqueue(make_kind(), {}) for _ in range(3)]
    marked = announcements.mark([job.id for job in jobs])
    assert celery._publish(marked, give_up_at=time.monotonic()) == 1, "one always, or there would be no progress"


@pytest.mark.django_db
def test_a_ledger_that_is_away_after_the_commit_is_no_error(
    make_kind: MakeKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise OperationalError("away")

    job = ledger.enqueue(make_kind(), {})
    monkeypatch.setattr(announcements, "mark", away)
    celery.send([job])


@pytest.mark.django_db
def test_where_celery_ends_by_a_fault_of_its_own_jobs_are_handed_back(
    make_kind: MakeKind, memory: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "should_stop", None)
    worker = CeleryWorker(WorkerConfig(places={"renders": 1}, lease_seconds=30, grace_seconds=0))
    worker._over.set()
    assert worker._wait_until_settled() == 0
    assert worker._stopping.is_set()


@pytest.mark.django_db
def test_a_message_that_comes_while_the_worker_ends_changes_nothing(
    make_kind: MakeKind, memory: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "should_stop", None)
    worker = CeleryWorker(WorkerConfig(places={"renders": 1}, lease_seconds=30, grace_seconds=0))
    job = ledger.enqueue(make_kind(), {})
    worker._over.set()
    claim = ledger.claim_one

    def claim_late(*arguments: Any, **options: Any) -> Job | None:
        taken = claim(*arguments, **options)
        worker._stopping.set()
        return taken

    monkeypatch.setattr(ledger, "claim_one", claim_late)
    worker.attempt(str(job.id))
    found = Job.objects.get(id=job.id)
    assert (found.state, found.attempts, found.token) == ("waiting", 0, None)


def test_all_is_imported_before_the_first_job() -> None:
    celery.prepare()
    assert celery.app().finalized
    assert "kombu.transport.redis" in sys.modules


def test_the_probe_says_when_nobody_answers() -> None:
    with pytest.raises(Exception, match="refused"):
        celery.probe()
