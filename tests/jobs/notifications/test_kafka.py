"""Kafka, by a real broker's protocol: what is written, in which order, and that an outage loses nothing."""

from __future__ import annotations

import sys
import threading
import time
import tomllib
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.checks import run_checks

from jobs import ledger
from jobs.models import Job, State
from jobs.notifications import kafka
from jobs.notifications.delivering import KAFKA_ATTEMPTS
from jobs.notifications.errors import NotDelivered
from jobs.notifications.kafka_writer import Message
from jobs.notifications.models import Delivery, Event, KafkaTopic
from tests.jobs.notifications.cluster import Cluster
from tests.jobs.notifications.world import Clock, begun, configure, ended, states, work, work_one

pytestmark = pytest.mark.django_db
TOPIC = "jobs"
BIG = 3_000_000


def message(text: str = "{}") -> Message:
    return Message(key="k", value=text.encode(), headers={})


def test_a_job_is_written_with_its_id_as_key_and_the_value_of_the_compatible_api(cluster: Cluster) -> None:
    job = begun({"master": "m", "tasks": [{"id": "t"}]})
    ledger.finish(job, result={"variants": {"t": "v"}})
    work()
    first, second = cluster.read(TOPIC, 2)
    data = [event.data for event in Event.objects.order_by("id")]
    assert [first.key, second.key] == [str(job.id)] * 2
    assert [first.value, second.value] == data
    assert set(second.value) == {"jobId", "status", "originalId", "variantIds", "timestamp"}
    assert (second.value["status"], second.value["originalId"], second.value["variantIds"]) == ("completed", "m", ["v"])
    assert (first.headers["type"], second.headers["type"]) == ("job.started", "job.completed")
    assert second.headers["id"] == f"msg_{Event.objects.get(type='job.completed').id.hex}"
    assert states() == [State.DONE, State.DONE]


def test_a_failed_job_has_its_reason(cluster: Cluster) -> None:
    ledger.fail(begun(), "It is no picture.", again=False)
    work()
    _, failed = cluster.read(TOPIC, 2)
    assert (failed.value["status"], failed.value["reason"]) == ("failed", "It is no picture.")


def test_the_setting_says_which_events_are_written(cluster: Cluster) -> None:
    configure(kafka_events=("job.completed",))
    for _ in range(2):
        ended()
    assert len(work()) == 2
    assert [read.headers["type"] for read in cluster.read(TOPIC, 2)] == ["job.completed"] * 2


def test_a_later_event_of_a_job_waits_for_the_earlier_one(cluster: Cluster, clock: Clock) -> None:
    """Also where the earlier one is in another worker's hands."""
    ended()
    first = ledger.claim(("notifications",), worker="another", lease_seconds=30, now=clock.now())
    assert first is not None
    second = work_one()
    assert (second.state, second.attempts) == (State.WAITING, 0)
    assert timedelta(0) < second.run_at - clock.now() < timedelta(seconds=1)

    ledger.hand_back(first, first.token)
    clock.move(seconds=1)
    work()
    assert [read.value["status"] for read in cluster.read(TOPIC, 2)] == ["processing", "completed"]


def test_an_earlier_event_that_was_given_up_holds_up_nothing(cluster: Cluster) -> None:
    ended()
    first = Delivery.objects.order_by("event_id").first()
    assert first is not None
    ledger.cancel(first.job)
    work()
    assert [read.value["status"] for read in cluster.read(TOPIC, 1)] == ["completed"]


def test_events_of_other_jobs_do_not_wait(cluster: Cluster, clock: Clock) -> None:
    begun()
    assert ledger.claim(("notifications",), worker="another", lease_seconds=30, now=clock.now())
    begun()
    assert work_one().state == State.DONE


def test_the_job_ends_only_once_a_broker_has_confirmed(cluster: Cluster) -> None:
    cluster.down()
    configure(kafka_timeout_seconds=1.0)
    begun()
    job = work_one()
    assert job.state == State.WAITING
    assert job.error.startswith("No broker confirmed the message in 1 s: ")
    assert "Connection refused" in job.error


def test_a_broker_that_is_down_at_the_start_loses_nothing(cluster: Cluster, clock: Clock) -> None:
    cluster.down()
    configure(kafka_timeout_seconds=1.0)
    jobs = [ended() for _ in range(10)]
    assert len(work()) == 1, "one attempt, and the others wait without a thread"
    assert KafkaTopic.objects.get().failures == 1

    cluster.up()
    configure(kafka_timeout_seconds=10.0)
    kafka.close()
    clock.move(seconds=10)
    work()
    read = cluster.read(TOPIC, 20)
    for job in jobs:
        mine = [each.value["status"] for each in read if each.key == str(job.id)]
        assert mine == ["processing", "completed"]
    assert states() == [State.DONE] * 20


def test_an_hour_of_outage_costs_an_attempt_a_minute_and_loses_nothing(
    cluster: Cluster, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    down = clock.now() + timedelta(hours=1)
    written: list[Message] = []
    attempts = 0

    def write(sent: Message) -> str:
        nonlocal attempts
        attempts += 1
        if clock.now() < down:
            clock.move(seconds=10)  # as long as the time limit
            raise NotDelivered("No broker confirmed the message in 10 s.")
        written.append(sent)
        return "confirmed"

    monkeypatch.setattr(kafka, "write", write)
    jobs: list[Job] = []
    while clock.now() < down + timedelta(minutes=3):
        if len(jobs) < 40:
            jobs.append(ended())
        clock.move(seconds=5)
        work()
    assert 30 < attempts - len(written) < 100
    assert states() == [State.DONE] * 80
    for job in jobs:
        assert [b"completed" in sent.value for sent in written if sent.key == str(job.id)] == [False, True]


@pytest.mark.slow
def test_a_broker_that_goes_away_and_comes_back_is_found_again_by_the_same_producer(cluster: Cluster) -> None:
    configure(kafka_timeout_seconds=3.0)
    kafka.write(message('{"n": 1}'))
    cluster.down()
    with pytest.raises(NotDelivered):
        kafka.write(message('{"n": 2}'))
    cluster.up()
    give_up_at = time.monotonic() + 20
    while True:
        try:
            kafka.write(message('{"n": 3}'))
            break
        except NotDelivered:
            assert time.monotonic() < give_up_at
    assert [read.value["n"] for read in cluster.read(TOPIC, 2)] == [1, 3], "what was given up did not come after all"


def test_many_threads_share_one_producer(cluster: Cluster) -> None:
    writers = {id(kafka._of_this_process())}
    errors: list[BaseException] = []

    def write(number: int) -> None:
        try:
            writers.add(id(kafka._of_this_process()))
            kafka.write(message(f'{{"n": {number}}}'))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(writers) == 1
    assert sorted(read.value["n"] for read in cluster.read(TOPIC, 20)) == list(range(20))


def test_closing_ends_the_producers_threads(cluster: Cluster) -> None:
    kafka.write(message())
    assert "imgopt-kafka" in {thread.name for thread in threading.enumerate()}
    kafka.close()
    assert "imgopt-kafka" not in {thread.name for thread in threading.enumerate()}
    kafka.close()
    assert kafka.write(message()).startswith("confirmed: partition ")


def test_a_message_that_is_too_large_is_given_up_and_does_not_stop_the_others(cluster: Cluster) -> None:
    begun({"master": "x" * BIG})
    begun()
    failed, done = work()
    assert (failed.state, failed.error) == (State.FAILED, "The message is larger than Kafka takes.")
    assert done.state == State.DONE


def test_the_extra_of_that_name_is_the_package() -> None:
    project = tomllib.loads((Path(__file__).resolve().parents[3] / "pyproject.toml").read_text("utf-8"))["project"]
    assert [each.partition(">")[0] for each in project["optional-dependencies"]["kafka"]] == ["confluent-kafka"]


def test_the_producer_is_idempotent_and_waits_for_all_replicas() -> None:
    configure(kafka_brokers=("a:1", "b:2"))
    found = kafka.producer_settings()
    assert found["bootstrap.servers"] == "a:1,b:2"
    assert (found["enable.idempotence"], found["acks"]) == (True, "all")
    assert not [name for name in found if name.startswith(("sasl", "ssl"))]


def test_credentials_come_from_the_settings_and_stand_in_no_sentence_or_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    configure(
        kafka_brokers=("127.0.0.1:1",),
        kafka_security="sasl_plaintext",
        kafka_sasl_mechanism="PLAIN",
        kafka_username="user",
        kafka_password="hunter2-and-more",
        kafka_timeout_seconds=1.0,
    )
    found = kafka.producer_settings()
    assert (found["security.protocol"], found["sasl.mechanism"]) == ("sasl_plaintext", "PLAIN")
    assert (found["sasl.username"], found["sasl.password"]) == ("user", "hunter2-and-more")
    begun()
    job = work_one()
    assert job.state == State.WAITING
    assert "hunter2" not in job.error + job.detail + caplog.text


def test_a_certificate_file_that_is_none_is_told_in_a_sentence() -> None:
    configure(kafka_brokers=("127.0.0.1:1",), kafka_security="ssl", kafka_ca_file="/absent.pem")
    begun()
    assert work_one().error.startswith("Kafka's client refuses its settings: ")
    assert [each.id for each in run_checks() if str(each.id).startswith("jobs.")] == ["jobs.E014"]


def test_without_the_package_the_check_says_what_to_install_and_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configure(kafka_brokers=("127.0.0.1:1",))
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    monkeypatch.setattr(kafka, "find_spec", lambda name: None)
    [found] = [each for each in run_checks() if each.id == "jobs.E011"]
    assert "confluent-kafka is not installed" in found.msg
    assert found.hint is not None
    assert "imgopt[kafka]" in found.hint
    begun()
    job = work_one()
    assert job.state == State.WAITING
    assert job.error == "The package confluent-kafka is not installed: pip install 'imgopt[kafka]'."


@pytest.mark.parametrize(
    "changes, codes",
    [
        ({}, []),
        ({"kafka_security": "sasl_ssl"}, ["jobs.E012"]),
        ({"kafka_security": "sasl_ssl", "kafka_username": "u", "kafka_password": "p"}, []),
        ({"kafka_username": "u", "kafka_password": "p"}, ["jobs.E013"]),
        ({"kafka_ca_file": "/absent.pem"}, ["jobs.E014"]),
    ],
)
def test_settings_that_cannot_work_are_told_at_the_start(changes: dict[str, str], codes: list[str]) -> None:
    configure(kafka_brokers=("a:1",), **changes)
    assert [each.id for each in run_checks() if str(each.id).startswith("jobs.E01")] == codes
    configure(kafka_brokers=())
    assert not [each for each in run_checks() if str(each.id).startswith("jobs.E01")]


def test_when_the_operator_takes_kafka_away_what_waits_is_a_dead_letter(cluster: Cluster) -> None:
    begun()
    configure(kafka_brokers=())
    job = work_one()
    assert (job.state, job.error) == (State.FAILED, "IMGOPT_KAFKA_BROKERS names no brokers.")


def test_the_attempts_are_practically_without_limit() -> None:
    configure(kafka_brokers=("a:1",))
    begun()
    assert Job.objects.get(kind="kafka").max_attempts == KAFKA_ATTEMPTS == 1_000_000
