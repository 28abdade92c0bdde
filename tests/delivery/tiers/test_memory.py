"""The memory tier keeps to its bytes and lets the least recently used go."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from delivery.tiers.memory import LARGEST_SHARE, OVERHEAD_BYTES, MemoryTier
from tests.delivery.world import digest_of, entry, key

ROOM = 10 * (1000 + OVERHEAD_BYTES)


def filled(*names: str, max_bytes: int = ROOM) -> MemoryTier:
    tier = MemoryTier(max_bytes)
    for name in names:
        tier.put(key(name=name), entry(name, size=1000))
    return tier


def kept(tier: MemoryTier, names: str) -> str:
    return "".join(name for name in names if tier._entries.get(key(name=name)))


def test_counts_bodies_and_what_goes_with_them() -> None:
    assert filled(*"abc").byte_size == 3 * (1000 + OVERHEAD_BYTES)


def test_the_oldest_goes_when_there_is_no_room() -> None:
    tier = filled(*"abcdefghijkl")
    assert kept(tier, "abcdefghijkl") == "cdefghijkl"
    assert tier.byte_size == ROOM


def test_a_read_makes_young() -> None:
    tier = filled(*"abcdefghij")
    tier.get(key(name="a"))
    tier.put(key(name="k"), entry("k", size=1000))
    assert kept(tier, "abcdefghijk") == "acdefghijk"


def test_a_put_makes_young_and_is_not_counted_twice() -> None:
    tier = filled(*"abcdefghij")
    tier.put(key(name="a"), entry("a", size=1000))
    assert tier.byte_size == ROOM
    tier.put(key(name="k"), entry("k", size=1000))
    assert kept(tier, "abcdefghijk") == "acdefghijk"


def test_one_large_picture_does_not_push_the_others_out() -> None:
    tier = filled(*"abc", max_bytes=ROOM)
    largest = ROOM // LARGEST_SHARE - OVERHEAD_BYTES
    tier.put(key(name="large"), entry("x", size=largest + 1))
    assert tier.get(key(name="large")) is None
    assert kept(tier, "abc") == "abc"
    tier.put(key(name="large"), entry("x", size=largest))
    assert tier.get(key(name="large")) is not None


def test_what_has_become_too_large_leaves_no_former_entry_behind() -> None:
    tier = filled("a")
    tier.put(key(name="a"), entry("final", size=ROOM))
    assert tier.get(key(name="a")) is None
    assert tier.byte_size == 0


def test_without_memory_it_keeps_nothing() -> None:
    assert filled("a", max_bytes=0).get(key(name="a")) is None


def test_a_purge_gives_the_room_back() -> None:
    tier = filled(*"abc")
    tier.put(key("boot", "a"), entry("boot", size=1000))
    tier.purge(digest_of("shoe"))
    assert tier.byte_size == 1000 + OVERHEAD_BYTES
    assert set(tier._by_digest) == {digest_of("boot")}


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["put", "get", "purge"]),
            st.sampled_from(["shoe", "boot"]),
            st.sampled_from("abcd"),
            st.integers(0, 2500),
        ),
        max_size=60,
    )
)
def test_its_books_are_right_whatever_happens(steps: list[tuple[str, str, str, int]]) -> None:
    tier = MemoryTier(20_000)
    for call, digest, name, size in steps:
        if call == "put":
            tier.put(key(digest, name), entry(name, size=size))
        elif call == "get":
            tier.get(key(digest, name))
        else:
            tier.purge(digest_of(digest))
        assert tier.byte_size <= tier.max_bytes
        assert tier.byte_size == sum(len(entry.body) + OVERHEAD_BYTES for entry in tier._entries.values())
        assert {place for group in tier._by_digest.values() for place in group} == set(tier._entries)
        assert all(tier._by_digest.values())


def test_its_books_are_right_after_many_threads() -> None:
    tier = MemoryTier(30_000)

    def work(own: str) -> None:
        for number in range(200):
            tier.put(key(own, str(number % 20)), entry("x", size=number))
            tier.get(key("a", str(number % 20)))
            if number % 50 == 0:
                tier.purge(digest_of(own))

    threads = [threading.Thread(target=work, args=(own,)) for own in "aabb"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tier.byte_size == sum(len(entry.body) + OVERHEAD_BYTES for entry in tier._entries.values())
    assert {place for group in tier._by_digest.values() for place in group} == set(tier._entries)
