"""The index of hits: bounded, purged by master, and not taught by requests that began before a purge."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest

from delivery.hints import Hints
from delivery.hits import Hit, HitIndex, HitKey, Subject
from delivery.signing import Keyring, SigningKey
from tests.delivery.world import KEY, at_once, key

SHOE, BOOT = uuid.uuid4(), uuid.uuid4()


def hit_key(name: str) -> HitKey:
    return HitKey(f"/i/{name}", "s=x", ("webp",))


def hit(*subjects: Subject, etag: str = '"e"') -> Hit:
    return Hit(
        variant=key(),
        signed_with=KEY,
        expires_at=None,
        subjects=subjects or (SHOE,),
        etag=etag,
        revisioned=True,
        headers=(),
        headers_304=(),
    )


def test_remembers_by_path_query_and_formats() -> None:
    index = HitIndex()
    index.remember(hit_key("a"), hit(), epoch=index.epoch)
    assert index.find(hit_key("a")) == hit()
    assert index.find(hit_key("b")) is None
    assert index.find(HitKey("/i/a", "s=y", ("webp",))) is None
    assert index.find(HitKey("/i/a", "s=x", ("jpeg",))) is None


def test_a_purge_forgets_one_masters_hits() -> None:
    index = HitIndex()
    for name, master_id in (("a", SHOE), ("b", SHOE), ("c", BOOT)):
        index.remember(hit_key(name), hit(master_id), epoch=index.epoch)
    index.purge(SHOE)
    assert [index.find(hit_key(name)) is not None for name in "abc"] == [False, False, True]


def test_a_request_that_began_before_the_purge_teaches_nothing() -> None:
    index = HitIndex()
    before = index.epoch
    index.purge(SHOE)
    index.remember(hit_key("a"), hit(SHOE), epoch=before)
    index.remember(hit_key("b"), hit(BOOT), epoch=before)
    assert index.find(hit_key("a")) is None
    assert index.find(hit_key("b")) is not None, "another master's purge is no reason"
    index.remember(hit_key("a"), hit(SHOE), epoch=index.epoch)
    assert index.find(hit_key("a")) is not None


def test_is_bounded_and_lets_the_oldest_go() -> None:
    index = HitIndex(max_hits=3)
    for name in "abcde":
        index.remember(hit_key(name), hit(), epoch=index.epoch)
    assert [name for name in "abcde" if index.find(hit_key(name))] == ["c", "d", "e"]
    index.purge(SHOE)
    assert not any(index.find(hit_key(name)) for name in "abcde")
    assert not index._by_subject


def test_learning_the_same_again_does_not_grow_it() -> None:
    index = HitIndex(max_hits=2)
    for _ in range(5):
        for name in "ab":
            index.remember(hit_key(name), hit(), epoch=index.epoch)
    assert index.find(hit_key("a"))
    assert index.find(hit_key("b"))


def test_a_url_that_leads_to_another_master_now_belongs_to_that_one_only() -> None:
    """A key was given to another master: the former one's purge must not take its hits along, nor keep its name."""
    index = HitIndex()
    index.remember(hit_key("a"), hit(SHOE), epoch=index.epoch)
    index.remember(hit_key("a"), hit(BOOT, etag='"other"'), epoch=index.epoch)
    index.purge(SHOE)
    assert index.find(hit_key("a")) == hit(BOOT, etag='"other"')
    index.purge(BOOT)
    assert index.find(hit_key("a")) is None
    assert not index._by_subject


def test_a_hit_ends_with_any_of_its_subjects() -> None:
    for subject in (SHOE, BOOT, "hero"):
        index = HitIndex()
        index.remember(hit_key("a"), hit(SHOE, BOOT, "hero"), epoch=index.epoch)
        index.remember(hit_key("b"), hit(SHOE, SHOE), epoch=index.epoch)
        index.purge(subject)
        assert index.find(hit_key("a")) is None
        assert (index.find(hit_key("b")) is None) is (subject == SHOE)
        index.purge(SHOE)
        assert not index._by_subject


def test_a_request_that_began_before_a_purge_of_any_subject_teaches_nothing() -> None:
    index = HitIndex()
    before = index.epoch
    index.purge("hero")
    index.remember(hit_key("a"), hit(SHOE, "hero"), epoch=before)
    index.remember(hit_key("b"), hit(SHOE, "thumb"), epoch=before)
    assert [index.find(hit_key(name)) is not None for name in "ab"] == [False, True]


def test_tells_clients_apart_by_their_hints() -> None:
    index = HitIndex()
    index.remember(hit_key("a")._replace(hints=Hints(640)), hit(), epoch=index.epoch)
    assert index.find(hit_key("a")._replace(hints=Hints(640)))
    assert index.find(hit_key("a")._replace(hints=Hints(320))) is None
    assert index.find(hit_key("a")) is None


def test_a_request_older_than_what_is_known_of_purges_teaches_nothing() -> None:
    """Its master's purge may be among those that are forgotten."""
    index = HitIndex(max_hits=5)
    before = index.epoch
    index.purge(SHOE)
    for _ in range(5):
        index.purge(uuid.uuid4())
    index.remember(hit_key("a"), hit(SHOE), epoch=before)
    assert index.find(hit_key("a")) is None
    index.remember(hit_key("a"), hit(SHOE), epoch=index.epoch)
    assert index.find(hit_key("a")) is not None


def test_the_memory_of_purges_is_bounded() -> None:
    index = HitIndex(max_hits=5)
    for _ in range(50):
        index.purge(uuid.uuid4())
    assert len(index._purges) == 5


def test_clear_forgets_everything() -> None:
    index = HitIndex()
    index.remember(hit_key("a"), hit(), epoch=index.epoch)
    index.clear()
    assert index.find(hit_key("a")) is None


def test_many_threads_may_learn_and_purge_together() -> None:
    index = HitIndex(max_hits=20)

    def work() -> None:
        for number in range(60):
            index.remember(hit_key(str(number)), hit(SHOE if number % 2 else BOOT), epoch=index.epoch)
            if number % 10 == 0:
                index.purge(SHOE)

    assert at_once(8, work) == [None] * 8
    index.purge(SHOE)
    index.purge(BOOT)
    assert not index._hits
    assert not index._by_subject


@pytest.mark.parametrize(
    ("secrets", "now", "valid"),
    [
        ({KEY.kid: KEY.secret}, 999.9, True),
        ({KEY.kid: KEY.secret, "k2": b"2"}, 0, True),
        ({KEY.kid: KEY.secret}, 1000, False),
        ({KEY.kid: b"another secret under the same id"}, 0, False),
        ({"k2": KEY.secret}, 0, False),
        ({}, 0, False),
    ],
)
def test_a_hit_counts_while_its_key_verifies_and_its_time_lasts(
    secrets: dict[str, bytes], now: float, valid: bool
) -> None:
    ring = Keyring(SigningKey("k2", b"2"), secrets)
    assert replace(hit(), expires_at=1000).is_valid(ring, now) is valid
    assert hit().is_valid(ring, 10**12) is (secrets.get(KEY.kid) == KEY.secret)


def test_a_hit_of_an_origin_counts_until_the_origin_must_be_asked_again() -> None:
    ring = Keyring(KEY, {KEY.kid: KEY.secret})
    assert replace(hit(), ask_again_at=1000.5).is_valid(ring, 1000.4)
    assert not replace(hit(), ask_again_at=1000.5).is_valid(ring, 1000.5)
