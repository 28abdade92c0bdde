"""Locks among machines: two objects with one Redis stand for two machines."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from assets.flight import SingleFlight
from assets.locks import Lease
from assets.locks.shared import REMEMBERED_SECONDS, TTL_SECONDS, SharedLocks
from tests.delivery.world import raiser
from tests.proxy import Proxy
from tests.redis_world import redis_client

pytestmark = pytest.mark.services


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    proxy = Proxy(6379)
    yield proxy
    proxy.close()


@pytest.fixture
def world(proxy: Proxy) -> Iterator[tuple[Any, str]]:
    with redis_client(f"redis://127.0.0.1:{proxy.port}/15") as found:
        yield found


@pytest.fixture
def one(world: tuple[Any, str]) -> Iterator[SharedLocks]:
    locks = SharedLocks(*world)
    yield locks
    locks._held.clear()


@pytest.fixture
def other(world: tuple[Any, str]) -> Iterator[SharedLocks]:
    locks = SharedLocks(*world)
    yield locks
    locks._held.clear()


def lapse(world: tuple[Any, str], name: str) -> None:
    """This will end the lock as its time to live does."""
    client, prefix = world
    assert client.delete(f"{prefix}:lock:{name}") == 1


def test_one_machine_has_it_and_the_other_gets_it_afterwards(one: SharedLocks, other: SharedLocks) -> None:
    held = one.acquire("a", 0)
    assert held.fence is not None
    assert other.acquire("a", 0.02).fence is None, "after its time it works without"
    assert other.acquire("b", 0).fence is not None
    one.release(held)
    later = other.acquire("a", 0)
    assert later.fence is not None
    assert later.fence > held.fence


def test_who_waits_gets_it_as_soon_as_it_is_free(one: SharedLocks, other: SharedLocks) -> None:
    held = one.acquire("a", 0)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(other.acquire, "a", 30)
        time.sleep(0.05)
        assert not waiting.done()
        one.release(held)
        assert waiting.result(20).fence is not None


def test_only_its_holder_lets_go_of_it(one: SharedLocks, other: SharedLocks, world: tuple[Any, str]) -> None:
    late = one.acquire("a", 0)
    lapse(world, "a")
    held = other.acquire("a", 0)
    one.release(late)
    assert one.acquire("a", 0).fence is None
    assert not held.is_lost()


def test_it_ends_by_itself_unless_it_is_renewed(one: SharedLocks, world: tuple[Any, str]) -> None:
    client, prefix = world
    one.acquire("a", 0)
    assert 0 < client.pttl(f"{prefix}:lock:a") <= TTL_SECONDS * 1000
    client.pexpire(f"{prefix}:lock:a", 100)
    one.beat()
    assert client.pttl(f"{prefix}:lock:a") > TTL_SECONDS * 1000 / 2


def test_what_is_let_go_of_is_renewed_no_more(one: SharedLocks, world: tuple[Any, str]) -> None:
    client, prefix = world
    one.release(one.acquire("a", 0))
    one.beat()
    assert not client.exists(f"{prefix}:lock:a")


def test_a_thread_renews_what_is_held(one: SharedLocks, monkeypatch: pytest.MonkeyPatch) -> None:
    beats = threading.Semaphore(0)
    monkeypatch.setattr("assets.locks.shared.BEAT_SECONDS", 0.01)
    monkeypatch.setattr(one, "beat", beats.release)
    one.acquire("a", 0)
    one.acquire("b", 0)
    for _ in range(3):
        assert beats.acquire(timeout=20)
    heart = one._heart
    assert heart is not None
    one._held.clear()
    heart.join(20)
    assert not heart.is_alive(), "with nothing to renew it ends"
    one.acquire("c", 0)
    assert beats.acquire(timeout=20)


def test_a_lease_is_lost_once_somebody_came_after(one: SharedLocks, other: SharedLocks, world: tuple[Any, str]) -> None:
    late = one.acquire("a", 0)
    lapse(world, "a")
    assert not late.is_lost(), "nobody has come after"
    held = other.acquire("a", 0)
    assert late.is_lost()
    assert not held.is_lost()
    other.release(held)
    assert late.is_lost(), "for good"
    one.beat()
    assert late.is_lost()


def test_a_flush_takes_the_lock_from_nobody_who_is_awake(one: SharedLocks, world: tuple[Any, str]) -> None:
    held = one.acquire("a", 0)
    client, prefix = world
    client.delete(f"{prefix}:lock:a", f"{prefix}:fence:a")
    assert not held.is_lost()
    one.beat()
    assert one.acquire("a", 0).fence is None, "it is held again"


def test_numbers_go_on_growing_after_a_flush(one: SharedLocks, world: tuple[Any, str]) -> None:
    """A counter would begin again at one, and whoever is new would be taken for a sleeper."""
    client, prefix = world
    held = one.acquire("a", 0)
    client.delete(f"{prefix}:lock:a", f"{prefix}:fence:a")
    later = one.acquire("a", 0)
    assert held.fence is not None
    assert later.fence is not None
    assert later.fence > held.fence


def test_numbers_grow_even_where_the_clock_stands(one: SharedLocks, world: tuple[Any, str]) -> None:
    client, prefix = world
    ahead = 4_000_000_000_000_001
    client.set(f"{prefix}:fence:a", ahead)
    assert one.acquire("a", 0).fence == ahead + 1


def test_a_lease_that_is_older_than_what_is_remembered_is_lost(one: SharedLocks, world: tuple[Any, str]) -> None:
    client, prefix = world
    held = one.acquire("a", 0)
    client.delete(f"{prefix}:fence:a")
    assert held.fence is not None
    [name] = one._held
    one._held[name].fence = held.fence - (REMEMBERED_SECONDS + 1) * 1_000_000
    assert held.is_lost()


def test_without_redis_there_is_a_lease_at_once_and_of_this_machine(one: SharedLocks, proxy: Proxy) -> None:
    proxy.cut()
    for _ in range(5):
        lease = one.acquire("a", 60)
        assert lease.fence is None
        assert not lease.is_lost()
        one.release(lease)


def test_redis_that_fails_while_it_waits_does_not_keep_it_waiting(
    one: SharedLocks, other: SharedLocks, proxy: Proxy
) -> None:
    one.acquire("a", 0)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(other.acquire, "a", 600)
        time.sleep(0.05)
        proxy.cut()
        assert waiting.result(60).fence is None


def test_while_redis_is_away_only_who_slept_has_lost_it(
    one: SharedLocks, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = one.acquire("a", 0)
    proxy.cut()
    one.beat()
    assert not held.is_lost()
    real = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: real() + TTL_SECONDS + 0.1)
    assert held.is_lost()
    one.beat()
    assert held.is_lost(), "who slept does not say `here` again"


def flight(folder: Path, locks: SharedLocks | None, *, wait_seconds: float = 60) -> SingleFlight[int]:
    return SingleFlight(folder, wait_seconds=wait_seconds, shared=locks)


def test_two_machines_make_one_flight(tmp_path: Path, one: SharedLocks, other: SharedLocks) -> None:
    made: list[int] = []

    def work(lease: Lease) -> int:
        assert lease.fence is not None
        if not made:
            time.sleep(0.1)
            made.append(1)
        return len(made)

    flights = [flight(tmp_path / "one", one), flight(tmp_path / "other", other)]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda number: flights[number % 2].lead("a", work), range(20)))
    assert answers == [1] * 20


def test_who_has_waited_long_enough_does_the_work_itself(tmp_path: Path, one: SharedLocks, other: SharedLocks) -> None:
    held = one.acquire("a", 0)
    leases: list[Lease] = []
    assert flight(tmp_path, other, wait_seconds=0.1).lead("a", lambda lease: leases.append(lease) or 7) == 7  # type: ignore[func-returns-value]
    assert leases[0].fence is None
    assert not held.is_lost(), "the other's lock is untouched"


def test_what_is_found_needs_no_lock(tmp_path: Path, one: SharedLocks, other: SharedLocks) -> None:
    one.acquire("a", 0)
    assert flight(tmp_path, other).lead("a", raiser("the work"), look=lambda: 7) == 7
    assert not tmp_path.joinpath("a").exists()


def test_an_error_lets_go_of_the_lock(tmp_path: Path, one: SharedLocks, other: SharedLocks) -> None:
    def fail(_lease: Lease) -> int:
        raise ValueError("no picture")

    with pytest.raises(ValueError, match="no picture"):
        flight(tmp_path, one).lead("a", fail)
    assert other.acquire("a", 0).fence is not None


def test_one_machine_asks_redis_for_nothing(tmp_path: Path) -> None:
    leases: list[Lease] = []
    flight(tmp_path, None).lead("a", lambda lease: leases.append(lease) or 1)  # type: ignore[func-returns-value]
    assert leases == [Lease(name="a", is_lost=leases[0].is_lost)]
    assert not leases[0].is_lost()
