"""Workers as real processes on a database and a broker of their own.

with crew("celery-redis", folder) as workers:
    one, two = workers.hire(), workers.hire()
    workers.ask("enqueue", number=300, seconds=0.01)
    workers.kill_holding(one)
    workers.wait_for_ends(300)
"""

from __future__ import annotations

import atexit
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import redis
from amqp.exceptions import NotFound
from kombu import Connection

ROOT = Path(__file__).resolve().parents[2]
REDIS_URL = "redis://127.0.0.1:6379/15"
RABBITMQ_URL = "amqp://guest:guest@127.0.0.1:5672//"
POSTGRESQL_URL = "postgres://postgres@127.0.0.1:5432"
PATIENCE_SECONDS = 60
POLL_SECONDS = 0.05
STATEMENT_SECONDS = 0.2

Worker = subprocess.Popen[bytes]


@dataclass(frozen=True)
class Place:
    """An engine with its broker, on a database."""

    database: str
    broker_url: str = ""

    @property
    def engine(self) -> str:
        return "celery" if self.broker_url else "table"

    @property
    def ports(self) -> list[int]:
        ports = {"postgresql": [5432], "sqlite": []}[self.database]
        return ports + {"": [], REDIS_URL: [6379], RABBITMQ_URL: [5672]}.get(self.broker_url, [])


PLACES = {
    "table-sqlite": Place("sqlite"),
    "table-postgresql": Place("postgresql"),
    "celery-redis": Place("postgresql", REDIS_URL),
    "celery-rabbitmq": Place("postgresql", RABBITMQ_URL),
}


class Crew:
    def __init__(self, place: Place, folder: Path, database_url: str, **environment: str) -> None:
        self.place = place
        self.prefix = f"crew-{secrets.token_hex(4)}"
        self.workers: list[Worker] = []
        self.log = folder / "workers.log"
        self.environment = {
            **clean_environment(),
            "IMGOPT_DATA_DIR": str(folder),
            "DATABASE_URL": database_url,
            "IMGOPT_JOBS_ENGINE": place.engine,
            "IMGOPT_JOBS_BROKER_URL": place.broker_url,
            "IMGOPT_JOBS_PREFIX": self.prefix,
            "IMGOPT_JOBS_LEASE_SECONDS": "1",
            "IMGOPT_JOBS_GRACE_SECONDS": "10",
            "IMGOPT_JOBS_CONCURRENCY": "renders=4",
            **environment,
        }
        self._clerk: subprocess.Popen[str] | None = None

    def hire(self, *, queues: str = "renders", **environment: str) -> Worker:
        """This will start a worker, and not wait until it works."""
        with self.log.open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "manage.py", "worker", f"--queues={queues}"],
                cwd=ROOT,
                env=self.environment | environment,
                stdout=log,
                stderr=log,
            )
        self.workers.append(worker)
        return worker

    def ask(self, what: str, **arguments: Any) -> Any:
        """This will have the clerk do it: see `tests.jobs.clerk`."""
        if self._clerk is None:
            self._clerk = start_clerk(self.environment, self.log)
        return ask(self._clerk, what, **arguments)

    def kill_holding(self, worker: Worker) -> int:
        """This will kill -9 a worker that is sure to hold leases, and give their number.

        It is stopped first and looked at when its last statement, which PostgreSQL may still be at, is over: what it
        holds then it holds when it dies.
        """
        for _ in range(200):
            worker.send_signal(signal.SIGSTOP)
            time.sleep(STATEMENT_SECONDS)
            held = int(self.ask("held", pid=worker.pid))
            if held:
                worker.kill()
                worker.wait()
                return held
            worker.send_signal(signal.SIGCONT)
            time.sleep(POLL_SECONDS)
        raise AssertionError(f"the worker never held a lease\n{self.words}")

    def wait_for(self, number: int, *states: str, kinds: list[str] | None = None) -> None:
        """This will return once so many jobs are in one of these states."""

        def found() -> bool:
            counts = self.ask("states", kinds=kinds)
            return bool(sum(counts.get(state, 0) for state in states) >= number)

        self.wait_until(found, f"{number} jobs {' or '.join(states)}")

    def wait_for_ends(self, number: int, kinds: list[str] | None = None) -> None:
        self.wait_for(number, "done", "failed", "cancelled", kinds=kinds)

    def wait_until(self, is_so: Callable[[], bool], what: str) -> None:
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while not is_so():
            if time.monotonic() > give_up_at:
                raise AssertionError(f"{what}: not within {PATIENCE_SECONDS} s: {self.ask('states')}\n{self.words}")
            time.sleep(POLL_SECONDS)

    def check_each_has_one_result(self, number: int) -> list[dict[str, Any]]:
        jobs: list[dict[str, Any]] = self.ask("jobs")
        assert len(jobs) == number
        odd = [job for job in jobs if (job["state"], job["results"]) != ("done", 1)]
        assert not odd, f"{odd}\n{self.words}"
        return jobs

    def empty_broker(self) -> int:
        """This will remove every message, as FLUSHDB or a new volume does, and give the number that waited."""
        names = [f"{self.prefix}.{queue}" for queue in ("renders", "notifications", "upkeep")]
        if self.place.broker_url.startswith("redis"):
            with redis.Redis.from_url(self.place.broker_url) as client:
                keys = list(client.scan_iter(f"{self.prefix}:*", count=1000))
                lists = [key for key in keys if key.split(b":", 1)[1].split(b"\x06")[0].decode() in names]
                waited = sum(client.llen(key) for key in lists)
                if keys:
                    client.delete(*keys)
                return int(waited)
        with Connection(self.place.broker_url) as connection:
            channel = connection.default_channel
            return sum(int(channel.queue_purge(name) or 0) for name in self._declared(names))

    def _declared(self, names: list[str]) -> list[str]:
        """RabbitMQ has a queue from its first message on."""
        found = []
        with Connection(self.place.broker_url) as connection:
            for name in names:
                with suppress(NotFound), connection.channel() as channel:
                    channel.queue_declare(name, passive=True)
                    found.append(name)
        return found

    @property
    def words(self) -> str:
        """What the workers have logged, without the lines of every job."""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(line for line in lines if '"event": "job ran"' not in line)[-6000:]

    def close(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.kill()
            worker.wait()
        if self._clerk is not None:
            end_clerk(self._clerk)
        if self.place.broker_url.startswith("amqp"):
            with Connection(self.place.broker_url) as connection:
                for queue in ("renders", "notifications", "upkeep"):
                    connection.default_channel.queue_delete(f"{self.prefix}.{queue}")
        elif self.place.broker_url:
            self.empty_broker()


@contextmanager
def crew(name: str, folder: Path, *, broker_url: str | None = None, **environment: str) -> Iterator[Crew]:
    """`broker_url`: another way to that broker, such as through a proxy."""
    place = PLACES[name]
    with database(place.database, folder) as url:
        environment = environment if broker_url is None else {"IMGOPT_JOBS_BROKER_URL": broker_url, **environment}
        workers = Crew(place, folder, url, **environment)
        try:
            yield workers
        finally:
            workers.close()


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """This will give the address of a fresh, migrated database."""
    template = migrated(kind)
    if kind == "sqlite":
        shutil.copyfile(template, folder / "crew.sqlite3")
        yield f"sqlite:///{folder / 'crew.sqlite3'}"
        return
    name = f"{template}_{secrets.token_hex(4)}"
    administer(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    try:
        yield f"{POSTGRESQL_URL}/{name}"
    finally:
        administer(f'DROP DATABASE "{name}" WITH (FORCE)')


@cache
def migrated(kind: str) -> str:
    """This will migrate one database a process, to be copied from."""
    folder = Path(tempfile.mkdtemp(prefix="imgopt-crew-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if kind == "sqlite":
        name = str(folder / "template.sqlite3")
        url = f"sqlite:///{name}"
    else:
        name = f"imgopt_crew_{os.getpid()}_{secrets.token_hex(2)}"
        url = f"{POSTGRESQL_URL}/{name}"
        administer(f'CREATE DATABASE "{name}"')
        atexit.register(administer, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    clerk = start_clerk(
        {**clean_environment(), "IMGOPT_DATA_DIR": str(folder), "DATABASE_URL": url}, folder / "clerk.log"
    )
    ask(clerk, "migrate")
    end_clerk(clerk)
    return name


def administer(statement: str) -> None:
    with psycopg.connect(f"{POSTGRESQL_URL}/postgres", autocommit=True) as connection:
        connection.execute(statement)


def clean_environment() -> dict[str, str]:
    ours = ("IMGOPT_", "AWS_", "DJANGO_", "PROMETHEUS_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours) and name[-4:] != "_URL"}
    return {
        **kept,
        "IMGOPT_ENV_FILE": os.devnull,
        "DJANGO_SETTINGS_MODULE": "tests.jobs.settings",
        "PYTHONUNBUFFERED": "1",
    }


def start_clerk(environment: dict[str, str], log: Path) -> subprocess.Popen[str]:
    with log.open("ab") as stream:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.jobs.clerk"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stream,
            text=True,
        )


def ask(clerk: subprocess.Popen[str], what: str, **arguments: Any) -> Any:
    assert clerk.stdin is not None
    assert clerk.stdout is not None
    clerk.stdin.write(json.dumps([what, arguments]) + "\n")
    clerk.stdin.flush()
    answer = clerk.stdout.readline()
    if not answer:
        raise RuntimeError(f"the clerk ended with {clerk.wait()} over {what}; its log says why")
    return json.loads(answer)


def end_clerk(clerk: subprocess.Popen[str]) -> None:
    with clerk:
        assert clerk.stdin is not None
        clerk.stdin.close()
