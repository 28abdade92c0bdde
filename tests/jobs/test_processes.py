"""Worker processes are kept alive, told to end, and killed where they will not."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from jobs import processes
from jobs.processes import Workers, commands
from tests.delivery.world import configure

SLEEP = [sys.executable, "-c", "import time; time.sleep(3600)"]


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    settings.CONFIG = settings.CONFIG
    configure(jobs_grace_seconds=0.0)
    monkeypatch.setattr(processes, "KILL_SECONDS", 20.0)
    monkeypatch.setattr(processes, "RESTART_SECONDS", 0.0)


@pytest.fixture
def start() -> Iterator[Callable[..., Workers]]:
    started: list[Workers] = []

    def start(*those: list[str]) -> Workers:
        workers = Workers(those, os.environ)
        started.append(workers)
        workers.keep_up()
        return workers

    yield start
    for workers in started:
        for process in workers._running():
            process.kill()
            process.wait()


def pids(workers: Workers) -> list[int]:
    return [process.pid for process in workers._running()]


def test_the_table_has_one_process_a_worker_and_celery_one_a_queue() -> None:
    configure(jobs_engine="table")
    table = commands(2)
    assert len(table) == 2
    assert "--queues=renders,notifications,upkeep" in table[0]
    configure(jobs_engine="celery")
    queues = [word for command in commands(2) for word in command if word.startswith("--queues=")]
    assert queues == ["--queues=renders", "--queues=notifications", "--queues=upkeep"] * 2
    assert [word for word in commands(1)[0] if word.startswith("--parent=")] == [f"--parent={os.getpid()}"]


def test_those_that_run_are_left_and_those_that_died_are_started_again(start: Callable[..., Workers]) -> None:
    workers = start(SLEEP, SLEEP)
    first, second = pids(workers)
    os.kill(first, signal.SIGKILL)
    workers._running()[0].wait()
    workers.keep_up()
    assert second in pids(workers)
    assert len(pids(workers)) == 2
    assert first not in pids(workers)


def test_one_that_dies_at_once_is_not_started_without_pause(
    start: Callable[..., Workers], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "RESTART_SECONDS", 1000.0)
    workers = start([sys.executable, "-c", ""])
    process = workers._processes[0]
    assert process is not None
    process.wait()
    workers.keep_up()
    assert workers._processes[0] is process


def test_all_end_when_they_are_told(start: Callable[..., Workers]) -> None:
    workers = start(SLEEP, SLEEP)
    workers.tell_to_end()
    workers.wait()
    assert pids(workers) == []


def test_one_that_will_not_end_is_killed_after_the_grace(
    start: Callable[..., Workers], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(processes, "KILL_SECONDS", 0.2)
    deaf = tmp_path / "deaf"
    script = f"import pathlib, signal, time; signal.signal(15, signal.SIG_IGN); pathlib.Path({str(deaf)!r}).touch()"
    workers = start([sys.executable, "-c", f"{script}; time.sleep(60)"])
    [process] = workers._running()
    give_up_at = time.monotonic() + 30
    while not deaf.exists() and time.monotonic() < give_up_at:
        time.sleep(0.01)
    workers.tell_to_end()
    workers.wait()
    assert process.returncode == -signal.SIGKILL


def test_a_queue_that_is_not_there_is_refused() -> None:
    with pytest.raises(CommandError, match=r"Expected names out of renders, notifications, upkeep, received 'mails'"):
        call_command("worker", "--queues=mails")
