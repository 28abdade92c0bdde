"""The tier in Redis: what is compared at the moment of writing, what a purge walks, what is too large."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from assets.locks import Lease
from assets.locks.shared import REMEMBERED_SECONDS, SharedLocks
from delivery.tiers.shared import PURGED_SECONDS, SharedTier
from tests.delivery.world import digest_of, entry, key
from tests.redis_world import redis_client

pytestmark = pytest.mark.services


@pytest.fixture
def world() -> Iterator[tuple[Any, str]]:
    with redis_client() as found:
        yield found


@pytest.fixture
def tier(world: tuple[Any, str]) -> SharedTier:
    return SharedTier(*world, max_bytes=100_000, keep_seconds=3600)


@pytest.fixture
def locks(world: tuple[Any, str]) -> Iterator[SharedLocks]:
    locks = SharedLocks(*world)
    yield locks
    locks._held.clear()


def lapse(world: tuple[Any, str], name: str) -> None:
    client, prefix = world
    client.delete(f"{prefix}:lock:{name}")


def test_a_sleeper_does_not_overwrite_what_came_after(
    tier: SharedTier, locks: SharedLocks, world: tuple[Any, str]
) -> None:
    late = locks.acquire("a", 0)
    lapse(world, "a")
    held = locks.acquire("a", 0)
    tier.put(key(), entry("newer"), held)
    tier.put(key(), entry("stale"), late)
    assert tier.get(key()) == entry("newer")
    locks.release(held)
    tier.put(key(), entry("stale"), late)
    assert tier.get(key()) == entry("newer"), "nor after that one has gone"


def test_a_sleeper_does_not_write_what_nobody_has_written_yet(
    tier: SharedTier, locks: SharedLocks, world: tuple[Any, str]
) -> None:
    late = locks.acquire("a", 0)
    lapse(world, "a")
    locks.acquire("a", 0)
    tier.put(key(), entry("stale"), late)
    assert tier.get(key()) is None


def test_who_was_late_and_has_lost_nothing_writes(tier: SharedTier, locks: SharedLocks, world: tuple[Any, str]) -> None:
    late = locks.acquire("a", 0)
    lapse(world, "a")
    tier.put(key(), entry("late"), late)
    assert tier.get(key()) == entry("late")


def test_after_a_flush_the_holder_writes(tier: SharedTier, locks: SharedLocks, world: tuple[Any, str]) -> None:
    held = locks.acquire("a", 0)
    client, prefix = world
    for name in client.scan_iter(f"{prefix}:*"):
        client.delete(name)
    tier.put(key(), entry("made"), held)
    assert tier.get(key()) == entry("made")


def test_a_lease_from_before_all_that_is_remembered_writes_nothing(tier: SharedTier, world: tuple[Any, str]) -> None:
    seconds, _ = world[0].time()
    old = Lease(name="a", fence=(seconds - REMEMBERED_SECONDS - 1) * 1_000_000, fence_key=f"{world[1]}:fence:a")
    tier.put(key(), entry("stale"), old)
    assert tier.get(key()) is None
    assert PURGED_SECONDS >= REMEMBERED_SECONDS, "a purge is known for as long as a lease is good"


def test_what_was_begun_before_a_purge_does_not_rise_from_the_dead(tier: SharedTier, locks: SharedLocks) -> None:
    held, digest = locks.acquire("a", 0), digest_of("shoe")
    tier.purge(digest)
    tier.put(key(), entry("dead"), held)
    assert tier.get(key()) is None
    tier.put(key("boot"), entry("boot"), held)
    assert tier.get(key("boot")) == entry("boot"), "of another master"
    locks.release(held)
    tier.put(key(), entry("new"), locks.acquire("a", 0))
    assert tier.get(key()) == entry("new")


def test_who_has_no_lock_there_leaves_it_alone(tier: SharedTier) -> None:
    """Redis was away when it began, and what another machine has done since is not known."""
    tier.put(key(), entry("made without"), Lease(name="a"))
    assert tier.get(key()) is None


def test_a_draft_never_takes_the_place_of_a_final(tier: SharedTier, locks: SharedLocks) -> None:
    draft, final = entry("draft", provisional=True), entry("final")
    tier.put(key(), draft, locks.acquire("a.draft", 0))
    assert tier.get(key()) == draft
    tier.put(key(), final, locks.acquire("a", 0))
    assert tier.get(key()) == final
    tier.put(key(), draft, locks.acquire("b.draft", 0))
    assert tier.get(key()) == final


def test_a_final_leaves_no_draft_behind(tier: SharedTier) -> None:
    tier.put(key(), entry("draft", provisional=True))
    tier.put(key(), entry("final"))
    assert tier._client.hlen(tier._variants(key().digest)) == 1


def test_a_damaged_draft_is_removed_and_made_again(tier: SharedTier) -> None:
    draft = entry("draft", provisional=True)
    tier.put(key(), draft)
    tier._client.hset(tier._variants(key().digest), f"{key().name}:draft", b"damaged")
    assert tier.get(key()) is None
    assert not tier._client.exists(tier._variants(key().digest))
    tier.put(key(), draft)
    assert tier.get(key()) == draft


@pytest.mark.parametrize("foreign", [b"a string", None])
def test_what_is_no_hash_is_a_miss_and_is_removed(tier: SharedTier, foreign: bytes | None) -> None:
    place = tier._variants(key().digest)
    if foreign is None:
        tier._client.rpush(place, "a list")
    else:
        tier._client.set(place, foreign)
    assert tier.get(key()) is None
    tier.put(key(), entry("again"))
    assert tier.get(key()) == entry("again")


def test_what_is_too_large_goes_by_its_setting(tier: SharedTier) -> None:
    tier.put(key(), entry("x", size=100_001))
    assert tier.get(key()) is None
    tier.put(key(), entry("x", size=100_000))
    assert tier.get(key()) is not None


def test_every_key_has_an_end(tier: SharedTier, locks: SharedLocks, world: tuple[Any, str]) -> None:
    client, prefix = world
    tier.put(key(), entry("made"), locks.acquire("a", 0))
    tier.purge(digest_of("boot"))
    names = list(client.scan_iter(f"{prefix}:*"))
    assert len(names) == 4
    assert all(client.pttl(name) > 0 for name in names), names


def test_a_purge_is_one_command_whatever_else_redis_holds(tier: SharedTier, monkeypatch: pytest.MonkeyPatch) -> None:
    tier.purge(digest_of("warm"))  # the script is there now
    digests = [digest_of(f"shoe {number}") for number in range(20)]
    for digest in digests:
        tier.put(key(digest), entry("made"))
    calls: list[str] = []
    real = type(tier._client)._execute_command

    def counting(self: Any, *arguments: Any, **options: Any) -> Any:
        calls.append(str(arguments[0]))
        return real(self, *arguments, **options)

    monkeypatch.setattr(type(tier._client), "_execute_command", counting)
    tier.purge(*digests)
    assert calls == ["EVALSHA"]


def test_a_purge_of_more_than_one_step_reaches_all(tier: SharedTier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("delivery.tiers.shared.STEP", 3)
    for number in range(8):
        tier.put(key(f"shoe {number}"), entry("made"))
    tier.purge(*(digest_of(f"shoe {number}") for number in range(7)))
    assert [tier.get(key(f"shoe {number}")) is None for number in range(8)] == [True] * 7 + [False]


def test_clearing_forgets_everything_of_ours_and_nothing_else(tier: SharedTier, world: tuple[Any, str]) -> None:
    client, prefix = world
    client.set(f"{prefix}:limit:x", "kept")
    for number in range(5):
        tier.put(key(f"shoe {number}"), entry("made"))
    tier.clear()
    assert list(client.scan_iter(f"{prefix}:*")) == [f"{prefix}:limit:x".encode()]


def test_its_errors_are_redis_errors_and_not_misses() -> None:
    """The guard around it counts them."""
    with redis_client("redis://127.0.0.1:1/0") as (client, prefix):
        tier = SharedTier(client, prefix, max_bytes=1000, keep_seconds=60)
        with pytest.raises(redis.ConnectionError):
            tier.get(key())
        assert not tier.answers()
