from __future__ import annotations

import math
import multiprocessing
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from apikeys import limits
from apikeys.limits import LimitStore, MemoryLimitStore, SqliteLimitStore, Verdict
from apikeys.shared_limits import SharedLimitStore
from tests.apikeys.hammer import begin, hammer, storm
from tests.redis_world import redis_client

NOW = 1_780_000_000.0
PROCESSES = 4


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "limits.sqlite3"


def count(store: LimitStore, bucket: str, calls: int, *, rate: float = 1, burst: int = 5, now: float = NOW) -> int:
    return sum(store.admit(bucket, rate, burst, now).admitted for _ in range(calls))


def rows(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    names = [name for (name,) in connection.execute("SELECT bucket FROM buckets ORDER BY bucket")]
    connection.close()
    return names


@pytest.fixture
def sqlite(path: Path) -> LimitStore:
    return SqliteLimitStore(path)


@pytest.fixture
def memory() -> LimitStore:
    return MemoryLimitStore()


@pytest.fixture
def shared() -> Iterator[LimitStore]:
    with redis_client() as (client, prefix):
        yield SharedLimitStore(client, prefix, NoFallback())


class NoFallback:
    """A call that comes here is a call that Redis did not answer."""

    def admit(self, *call: object) -> Verdict:
        raise AssertionError(f"Redis has failed over {call}")


@pytest.fixture(params=["sqlite", "memory", pytest.param("shared", marks=pytest.mark.services)])
def store(request: pytest.FixtureRequest) -> LimitStore:
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


def test_admits_a_burst_and_tells_when_to_come_back(store: LimitStore) -> None:
    assert count(store, "a", 7) == 5

    refused = store.admit("a", 1, 5, NOW)
    assert not refused.admitted
    assert refused.retry_after_seconds == pytest.approx(1.0)
    assert store.admit("a", 1, 5, NOW + 1).admitted
    assert not store.admit("a", 1, 5, NOW + 1).admitted


def test_buckets_do_not_share(store: LimitStore) -> None:
    assert count(store, "a", 7) == count(store, "b", 7) == 5


def test_hostile_bucket_names_are_only_names(store: LimitStore) -> None:
    assert count(store, "'; DROP TABLE buckets; --", 7) == 5
    assert count(store, "é" * 10_000, 7) == 5


def test_takes_the_clock_when_no_time_is_given(store: LimitStore) -> None:
    assert store.admit("a", 0.001, 1).admitted
    assert not store.admit("a", 0.001, 1).admitted
    assert store.admit("a", 0.001, 1, time.time() + 1001).admitted


def test_refuses_a_limit_that_is_none(store: LimitStore) -> None:
    with pytest.raises(ValueError, match="for rate"):
        store.admit("a", math.nan, 1, NOW)


def test_recovers_from_a_clock_set_back(store: LimitStore) -> None:
    assert count(store, "a", 7) == 5

    assert count(store, "a", 1, now=NOW - 3600) == 0
    assert count(store, "a", 1, now=NOW - 3599) == 1


def spawned(work: Callable[..., None], *arguments: Any) -> int:
    """This will do `work` in several processes at once and add up what they counted."""
    context = multiprocessing.get_context("spawn")
    together, answers = context.Barrier(PROCESSES), context.Queue()
    processes = [context.Process(target=work, args=(together, answers, *arguments)) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    counts = [answers.get(timeout=90) for _ in processes]
    for process in processes:
        process.join()
    assert all(shared for _, shared in counts)
    return sum(count for count, _ in counts)


def test_processes_and_threads_share_one_burst_exactly(path: Path) -> None:
    assert spawned(hammer, str(path), 1, 1000, [NOW] * 300) == 1000


def test_processes_share_one_rate_exactly(path: Path) -> None:
    times = [NOW + step / 100 for step in range(201)]

    # All of them walk through the same two seconds, each at its own pace.
    assert 20 <= spawned(hammer, str(path), 50, 20, times) <= 20 + 50 * 2


@pytest.mark.services
def test_machines_share_one_burst_exactly_by_the_clock_of_redis() -> None:
    """1,600 calls at once through a limit of 100, which refills while they are made by less than one."""
    with redis_client() as (_, prefix):
        assert spawned(storm, prefix, 0.001, 100, 200) == 100


def test_processes_that_start_together_share_from_the_first_call(tmp_path: Path) -> None:
    assert spawned(begin, str(tmp_path), 100) == 100


def test_counts_go_on_after_a_restart(path: Path) -> None:
    first = SqliteLimitStore(path)
    assert count(first, "a", 3) == 3
    first.close()

    assert count(SqliteLimitStore(path), "a", 7) == 2


def test_the_child_of_a_fork_counts_on(path: Path) -> None:
    """In a program of its own: this process has threads, and a fork of it would be unsound."""
    program = f"""
import os
from pathlib import Path
from apikeys.limits import SqliteLimitStore
store = SqliteLimitStore(Path({str(path)!r}))
ask = lambda: sum(store.admit("a", 1, 10, {NOW}).admitted for _ in range(4))
assert ask() == 4
store._lock.acquire()  # as another thread would hold it
child = os.fork()
if child == 0:
    os._exit(ask())
store._lock.release()
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 4
assert ask() == 2
assert store.admit("b", 1, 10, {NOW}).admitted
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60, cwd=Path(limits.__file__).parents[1])


def test_old_buckets_are_pruned(path: Path) -> None:
    store = SqliteLimitStore(path)
    count(store, "spent", 5, rate=0.001, burst=5)
    count(store, "old", 1)
    assert rows(path) == ["old", "spent"]

    count(store, "new", 1, now=NOW + limits.PRUNE_EVERY_SECONDS)

    assert rows(path) == ["new", "spent"]
    assert count(store, "spent", 1, rate=0.001, burst=5, now=NOW + 61) == 0


def test_a_damaged_file_is_made_anew(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"This is no database. " * 1000)
    store = SqliteLimitStore(path)

    assert count(store, "a", 7) == 1 + 5  # the first call was counted in memory
    assert count(SqliteLimitStore(path), "a", 7) == 0
    assert rows(path) == ["a"]


def test_a_file_damaged_under_way_is_made_anew(path: Path) -> None:
    store = SqliteLimitStore(path)
    count(store, "a", 5)
    store.close()
    path.write_bytes(path.read_bytes()[:100] + b"\xff" * 8000)

    assert count(store, "a", 7) == 1 + 5
    assert rows(path) == ["a"]


def test_a_file_made_anew_by_another_process_is_left_as_it_is(path: Path) -> None:
    store = SqliteLimitStore(path)
    count(store, "a", 5)

    limits._remove_damaged(path)

    assert rows(path) == ["a"]


def test_a_deleted_file_is_followed(path: Path) -> None:
    mine, other = SqliteLimitStore(path), SqliteLimitStore(path)
    assert count(mine, "a", 3) + count(other, "a", 3) == 5
    for file in path.parent.iterdir():
        file.unlink()

    assert count(mine, "a", 3) + count(other, "a", 3) == 5


def test_without_a_usable_file_limits_hold_in_the_process(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    store = SqliteLimitStore(tmp_path / "file" / "limits.sqlite3")

    assert count(store, "a", 7) == 5


def test_a_locked_file_is_left_alone_for_a_while(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BUSY_SECONDS", 0.0)
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    store = SqliteLimitStore(path)
    assert count(store, "a", 1) == 1
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")

    assert count(store, "a", 7) == 5  # in memory
    blocker.execute("COMMIT")
    blocker.close()
    assert count(store, "a", 1) == 0  # still in memory
    clock[0] += limits.LEFT_ALONE_SECONDS
    assert count(store, "a", 7) == 4  # the file again


def test_memory_does_not_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_BUCKETS_IN_MEMORY", 10)
    store = MemoryLimitStore()

    for number in range(100):
        count(store, str(number), 1)

    assert len(store._buckets) <= 10
