"""Celery carries the ids of jobs to workers, and nothing else: no payloads, results, retries or times.

All of that is in the ledger. So a message that is lost costs some seconds (`jobs.engines.sweeper` sends it again), and
one that comes twice costs a look into the ledger.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

import structlog
from celery import Celery
from django.conf import settings
from django.db import Error
from kombu import Connection, Queue

from jobs import announcements
from jobs.announcements import Announcement
from jobs.engines.line import BrokerAway, Line
from jobs.kinds import QUEUES

if TYPE_CHECKING:
    import uuid
    from datetime import datetime

    from jobs.models import Job

log = structlog.get_logger("jobs.celery")

ATTEMPT: Final = "imgopt.attempt"
"""The one task: `attempt(job_id)`."""

SEND_SECONDS = 0.2
"""Within this no further message is begun: what is left of a large batch is sent by the sweepers."""
WAIT_SECONDS = 0.4
"""Nobody who enqueues waits longer for the broker."""
AT_ONCE = 200
SOCKET_SECONDS = 1.0
PRIORITIES: Final = 10


def broker_url() -> str:
    """This will give the broker's address as kombu writes it."""
    url = str(settings.CONFIG.jobs_broker_url or settings.CONFIG.redis_url)
    if url.startswith("unix://"):
        parts = urlsplit(url)
        number = parse_qs(parts.query).get("db", ["0"])[0]
        return f"redis+socket://{parts.netloc}{parts.path}?virtual_host={number}"
    return url


def is_redis() -> bool:
    return broker_url().startswith("redis")


def queue_name(queue: str) -> str:
    return f"{settings.CONFIG.jobs_prefix}.{queue}"


@cache
def app() -> Celery:
    lease = settings.CONFIG.jobs_lease_seconds
    made = Celery("imgopt", broker=broker_url(), set_as_current=False, fixups=())  # Django is ours to look after
    redis = {
        "global_keyprefix": f"{settings.CONFIG.jobs_prefix}:",
        "priority_steps": list(range(PRIORITIES)),
        # A message that nobody has acknowledged comes again; while its job runs elsewhere that does nothing. The
        # defaults would take an hour.
        "visibility_timeout": 2 * lease,
        "unacked_restore_interval": max(1.0, lease / 2),
        "unacked_restore_throttle": 1,
        "socket_keepalive": True,
    }
    made.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        task_queues=[
            Queue(queue_name(queue), queue_arguments=None if is_redis() else {"x-max-priority": PRIORITIES - 1})
            for queue in QUEUES
        ],
        task_create_missing_queues=False,
        task_default_queue=queue_name(QUEUES[0]),
        broker_transport_options=redis if is_redis() else {},
        broker_use_ssl=_tls(broker_url()),
        broker_connection_timeout=SOCKET_SECONDS,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_heartbeat=10,
        # What runs goes on when the broker is away: its worker holds the lease, not the message.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_enable_prefetch_count_reduction=False,
        worker_detect_quorum_queues=False,
        worker_enable_remote_control=False,  # /metrics tells more, and nobody can tell a worker to do anything
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
    )
    return made


def _tls(url: str) -> dict[str, Any] | None:
    """Certificates are checked unless the address says otherwise; the libraries' own defaults would not."""
    if url.startswith("rediss://") and "ssl_" not in url:
        return {"ssl_cert_reqs": ssl.CERT_REQUIRED}
    if url.startswith("amqps://"):
        return {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": None}  # None: the address's own
    return None


def connect() -> Connection:
    """This will give a connection that fails after a second where it would wait or try again."""
    once = {"max_retries": 0}
    timeouts = ("socket_timeout", "socket_connect_timeout") if is_redis() else ("read_timeout", "write_timeout")
    return app().connection_for_write(
        connect_timeout=SOCKET_SECONDS,
        heartbeat=0,
        transport_options={**once, **dict.fromkeys(timeouts, SOCKET_SECONDS)},
    )


@cache
def line() -> Line:
    return Line(connect)


def prepare() -> None:
    """This will import what Celery imports at its first use: a third of a second that no request should pay."""
    app().finalize()
    connect().get_transport_cls()


def send(jobs: Sequence[Job]) -> None:
    """This will tell the broker of those jobs that are due. It raises nothing, and takes a fraction of a second."""
    try:
        send_ids([job.id for job in jobs])
    except Error as error:
        log.warning("jobs not announced", jobs=len(jobs), error=repr(error)[:200])


def send_ids(job_ids: Sequence[uuid.UUID], *, marked_before: datetime | None = None) -> int:
    """This will mark and send them, and give the number; those of which the broker did not hear are marked no more."""
    if line().is_left_alone:
        return 0  # and the ledger is spared the marks
    give_up_at = time.monotonic() + SEND_SECONDS
    sent = 0
    for start in range(0, len(job_ids), AT_ONCE):
        marked = announcements.mark(job_ids[start : start + AT_ONCE], marked_before=marked_before)
        done = _publish(marked, give_up_at) if marked else 0
        sent += done
        if done < len(marked):
            announcements.unmark(marked[done:])
            break
    return sent


def _publish(marked: Sequence[Announcement], give_up_at: float) -> int:
    def publish(connection: Connection) -> int:
        producer = app().amqp.Producer(connection, auto_declare=False)
        for number, announcement in enumerate(marked):
            if number and time.monotonic() > give_up_at:
                return number
            app().send_task(
                ATTEMPT,
                (str(announcement.job_id),),
                queue=queue_name(announcement.queue),
                priority=broker_priority(announcement.priority),
                producer=producer,
                retry=False,
            )
        return len(marked)

    try:
        return line().call(publish, seconds=WAIT_SECONDS)
    except BrokerAway:
        return 0


def broker_priority(priority: int) -> int:
    """This will fit a job's priority into the broker's ten: -4 to 5 are told apart."""
    steps = max(0, min(PRIORITIES - 1, priority + 4))
    return PRIORITIES - 1 - steps if is_redis() else steps  # Redis begins with the lowest


def depth(queue: str) -> int:
    """This will give the number of messages that wait in a queue of the broker, or raise `BrokerAway`."""
    wanted = app().amqp.queues[queue_name(queue)]

    def ask(connection: Connection) -> int:
        declared = connection.default_channel.queue_declare(
            wanted.name, durable=True, auto_delete=False, arguments=wanted.queue_arguments
        )
        return int(declared.message_count)

    return line().call(ask, seconds=WAIT_SECONDS)


def probe() -> None:
    """This will raise unless the broker answers."""
    with connect() as connection:
        connection.ensure_connection(max_retries=0)
        if is_redis():
            connection.default_channel.client.ping()
