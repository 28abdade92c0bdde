"""Single flight: one call among threads, one holder among processes."""

from __future__ import annotations

import errno
import fcntl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from apikeys.errors import RateLimited
from assets.flight import SingleFlight
from assets.locks.machine import machine_lock
from pipeline.errors import Busy
from tests.delivery.world import at_once, raiser

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def temporary() -> None:
    """Nothing is uploaded here, and the test's folder is looked at."""


@pytest.fixture
def flight(tmp_path: Path) -> SingleFlight[str]:
    return SingleFlight(tmp_path, wait_seconds=20)


def joined(flight: SingleFlight[Any], monkeypatch: pytest.MonkeyPatch, count: int) -> Callable[[], None]:
    """This will give a function that waits until so many callers have joined flights."""
    everybody = threading.Event()
    real = flight._join
    lock, callers = threading.Lock(), [0]

    def join(key: str) -> Any:
        found = real(key)
        with lock:
            callers[0] += 1
            if callers[0] == count:
                everybody.set()
        return found

    monkeypatch.setattr(flight, "_join", join)

    def wait() -> None:
        assert everybody.wait(20)

    return wait


def test_of_many_threads_one_does_the_work(flight: SingleFlight[str], monkeypatch: pytest.MonkeyPatch) -> None:
    everybody_waits = joined(flight, monkeypatch, 50)
    calls: list[int] = []

    def work() -> str:
        everybody_waits()
        calls.append(1)
        return "picture"

    assert at_once(50, lambda: flight.run("key", work)) == ["picture"] * 50
    assert calls == [1]


def test_the_error_is_everybodys(flight: SingleFlight[str], monkeypatch: pytest.MonkeyPatch) -> None:
    everybody_waits = joined(flight, monkeypatch, 10)
    calls: list[int] = []

    def work() -> str:
        everybody_waits()
        calls.append(1)
        raise ValueError("damaged")

    results = at_once(10, lambda: flight.run("key", work))
    assert [repr(result) for result in results] == ["ValueError('damaged')"] * 10
    assert calls == [1]


def test_an_error_that_is_about_the_leader_alone_is_not_the_others(
    flight: SingleFlight[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client over its limit must not turn those away who wait for the same picture."""
    everybody_waits = joined(flight, monkeypatch, 10)
    lock = threading.Lock()
    refused: list[int] = []

    def work() -> str:
        everybody_waits()
        with lock:
            if not refused:
                refused.append(1)
                raise RateLimited("too many", 1)
        return "picture"

    results = at_once(10, lambda: flight.run("key", work, personal=(RateLimited,)))
    assert sorted(map(str, results)) == ["picture"] * 9 + ["too many"]


def test_after_an_error_the_next_call_works(flight: SingleFlight[str]) -> None:
    with pytest.raises(ValueError, match="damaged"):
        flight.run("key", lambda: int("damaged"))  # type: ignore[arg-type, return-value]
    assert flight.run("key", lambda: "picture") == "picture"
    assert flight.run("key", lambda: "another") == "another", "a flight that is over is not joined"


def test_an_own_timeout_of_the_work_is_not_taken_for_waiting(flight: SingleFlight[str]) -> None:
    def work() -> str:
        raise TimeoutError("the storage")

    with pytest.raises(TimeoutError, match="the storage"):
        flight.run("key", work)


def test_different_keys_do_not_wait_for_each_other(flight: SingleFlight[str]) -> None:
    def outer() -> str:
        return flight.run("other", lambda: "inner") + " and outer"

    assert flight.run("key", outer) == "inner and outer"


@contextmanager
def leader(flight: SingleFlight[str]) -> Iterator[None]:
    """This will have another thread lead the flight of `key` meanwhile."""
    leads, ends = threading.Event(), threading.Event()

    def work() -> str:
        leads.set()
        assert ends.wait(20)
        return "picture"

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(flight.run, "key", work)
        assert leads.wait(20)
        try:
            yield
        finally:
            ends.set()
        assert future.result(20) == "picture"


def test_waiting_too_long_is_told_as_busy(tmp_path: Path) -> None:
    flight: SingleFlight[str] = SingleFlight(tmp_path, wait_seconds=0.02)
    with leader(flight), pytest.raises(Busy, match="try again"):
        flight.run("key", raiser("the work"))


def test_waiting_too_long_for_another_process_is_told_as_busy(tmp_path: Path) -> None:
    flight: SingleFlight[str] = SingleFlight(tmp_path, wait_seconds=0.02)
    with machine_lock(tmp_path / "key", 1), pytest.raises(Busy, match="another process"):
        flight.run("key", raiser("the work"))
    assert flight.run("key", lambda: "picture") == "picture"


def test_the_lock_is_held_while_the_work_is_done_and_its_file_is_gone_afterwards(
    flight: SingleFlight[str], tmp_path: Path
) -> None:
    def work() -> str:
        with pytest.raises(Busy), machine_lock(tmp_path / "key", 0):
            raise AssertionError("two hold it")
        return "picture"

    assert flight.run("key", work) == "picture"
    with pytest.raises(ValueError, match="bad"):
        flight.run("key", lambda: int("bad"))  # type: ignore[arg-type, return-value]
    assert list(tmp_path.iterdir()) == []


def test_threads_of_one_process_exclude_each_other_too(tmp_path: Path) -> None:
    """They would not with a lock of `lockf`, which belongs to the process."""
    inside: list[int] = []
    most = []

    def work() -> None:
        for _ in range(10):
            with machine_lock(tmp_path / "key", 60):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    assert at_once(6, work) == [None] * 6
    assert set(most) == {1}
    assert len(most) == 60


def run(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.delivery.hammer", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def test_processes_that_hammer_one_lock_get_it_one_at_a_time(tmp_path: Path) -> None:
    (tmp_path / "counter").write_text("0")
    processes = [run("count", tmp_path, 60) for _ in range(4)]
    complaints = [process.communicate(timeout=90)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, complaints
    assert (tmp_path / "counter").read_text() == "240"
    assert list((tmp_path / "locks").iterdir()) == []


def test_a_holder_that_is_killed_frees_the_lock(tmp_path: Path) -> None:
    holder = run("hold", tmp_path / "key", stdin=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Busy), machine_lock(tmp_path / "key", 0):
            raise AssertionError("two hold it")
    finally:
        holder.kill()
        holder.communicate(timeout=20)
    with machine_lock(tmp_path / "key", 0):
        assert (tmp_path / "key").exists()
    assert list(tmp_path.iterdir()) == []


def test_a_lock_on_a_file_that_was_removed_is_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever opened the file before its holder removed it locks something that nobody else will look at."""
    real = fcntl.flock
    removed: list[int] = []

    def remove_first(descriptor: int, operation: int) -> None:
        if not removed:
            removed.append(1)
            (tmp_path / "key").unlink()
        real(descriptor, operation)

    monkeypatch.setattr("assets.locks.machine.fcntl.flock", remove_first)
    with machine_lock(tmp_path / "key", 1):
        assert (tmp_path / "key").exists()
        with pytest.raises(Busy), machine_lock(tmp_path / "key", 0):
            raise AssertionError("two hold it")


def test_a_full_disk_costs_the_lock_but_not_the_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("assets.locks.machine.os.open", full)
    flight: SingleFlight[str] = SingleFlight(tmp_path, wait_seconds=1)
    assert flight.run("key", lambda: "rendered") == "rendered"


def test_a_lock_whose_file_cannot_be_removed_is_let_go_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a disk that has become read-only: what was made is given, and the next one gets the lock."""
    lock = tmp_path / "lock"

    def unlink(*_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, "read-only")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", unlink)
        with machine_lock(lock, 1):
            pass
    with machine_lock(lock, 0):
        assert lock.exists()
    assert not lock.exists()
