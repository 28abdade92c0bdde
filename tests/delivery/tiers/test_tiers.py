"""One suite, run by every tier: memory, disk, S3 (moto in this process) and Redis."""

from __future__ import annotations

import itertools
import os
import pickle
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from moto import mock_aws

from assets.disk import AtomicFileSystemStorage
from assets.eviction import Evictor
from assets.s3.client import client, forget
from assets.s3.storage import SharedS3Storage, Stored
from delivery import counters
from delivery.entry import Entry, pack, unpack
from delivery.tiers import Tier
from delivery.tiers.memory import MemoryTier
from delivery.tiers.shared import SharedTier
from delivery.tiers.storage import BucketTier, StorageTier
from delivery.variants import VariantKey
from tests.delivery.world import at_once, digest_of, entry, key
from tests.redis_world import redis_client

MAX_BYTES, KEEP_SECONDS = 1_000_000, 3600


@pytest.fixture
def memory() -> MemoryTier:
    return MemoryTier(50_000_000)


@pytest.fixture
def disk(tmp_path: Path) -> StorageTier:
    storage = AtomicFileSystemStorage(location=tmp_path / "variants")
    return StorageTier(storage, evictor=Evictor(tmp_path / "variants", 10**9))


@pytest.fixture(scope="module")
def bucket() -> Iterator[SharedS3Storage]:
    """One client for all tests: making one takes half a second."""
    with mock_aws():  # which has credentials of its own
        forget()
        client().create_bucket(Bucket="variants")
        yield SharedS3Storage(bucket_name="variants")
        forget()


@pytest.fixture
def s3(bucket: SharedS3Storage) -> BucketTier:
    bucket.location = uuid.uuid4().hex
    return BucketTier(bucket)


@pytest.fixture
def shared() -> Iterator[SharedTier]:
    with redis_client() as (client, prefix):
        yield SharedTier(client, prefix, max_bytes=MAX_BYTES, keep_seconds=KEEP_SECONDS)


TIERS = ["memory", "disk", "s3", pytest.param("shared", marks=pytest.mark.services)]
CHECKED = TIERS[1:]


@pytest.fixture(params=TIERS)
def tier(request: pytest.FixtureRequest) -> Tier:
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


@pytest.fixture(params=CHECKED)
def checked(request: pytest.FixtureRequest) -> Tier:
    """A tier whose entries come from outside this process."""
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


def test_has_a_name_for_x_cache(tier: Tier) -> None:
    assert tier.name in {"memory", "storage", "redis"}


def test_what_is_absent_is_none(tier: Tier) -> None:
    assert tier.get(key()) is None


def test_gives_back_what_was_put(tier: Tier) -> None:
    one, other = entry("one", "avif"), entry("with\nline feeds\x00", "png", size=40_000)
    tier.put(key(name="1"), one)
    tier.put(key(name="2"), other)
    assert tier.get(key(name="1")) == one
    assert tier.get(key(name="2")) == other
    assert tier.get(key(name="3")) is None
    assert tier.get(key("boot", "1")) is None


def test_the_last_put_counts(tier: Tier) -> None:
    tier.put(key(), entry("draft", size=5000))
    tier.put(key(), entry("final"))
    assert tier.get(key()) == entry("final")


def test_a_purge_forgets_one_digest_and_nothing_else(tier: Tier) -> None:
    for number in range(5):
        tier.put(key("shoe", str(number)), entry(f"shoe {number}"))
    tier.put(key("boot", "0"), entry("boot"))
    tier.purge(digest_of("shoe"))
    assert [tier.get(key("shoe", str(number))) for number in range(5)] == [None] * 5
    assert tier.get(key("boot", "0")) == entry("boot")
    tier.put(key("shoe", "0"), entry("again"))
    assert tier.get(key("shoe", "0")) == entry("again")


def test_a_purge_of_many_digests_forgets_all_of_them(tier: Tier) -> None:
    names = [f"shoe{number}" for number in range(5)]
    for name in names:
        tier.put(key(name), entry(name))
    tier.purge(*(digest_of(name) for name in names[:3]))
    assert [tier.get(key(name)) is not None for name in names] == [False] * 3 + [True] * 2
    tier.purge()
    assert tier.get(key(names[4])) is not None


def test_a_purge_of_what_is_not_there_is_no_error(tier: Tier) -> None:
    tier.purge(digest_of("never seen"))


def test_may_be_used_by_many_threads_at_once(tier: Tier) -> None:
    numbers = itertools.count()
    tier.put(key("shared", "1"), entry("read by all", size=20_000))

    def work() -> None:
        for number in (next(numbers) for _ in range(5)):
            own, picture = key("own", f"{number}"), entry(f"entry {number}", size=2000)
            tier.put(own, picture)
            assert tier.get(own) == picture
            assert tier.get(key("shared", "1")) == entry("read by all", size=20_000)

    assert at_once(4, work) == [None] * 4


# Not S3: moto forgets an object's bytes while another thread reads them.
@pytest.mark.parametrize("name", ["memory", "disk", pytest.param("shared", marks=pytest.mark.services)])
def test_a_reader_sees_one_whole_entry_while_others_write_it(name: str, request: pytest.FixtureRequest) -> None:
    tier: Tier = request.getfixturevalue(name)
    pictures = [entry(f"entry {number}", size=size) for number, size in enumerate((10, 70_000, 3000, 200_000))]
    tier.put(key(), pictures[0])
    waiting = list(pictures)

    def work() -> None:
        mine = waiting.pop()
        for _ in range(10):
            tier.put(key(), mine)
            assert tier.get(key()) in pictures

    assert at_once(4, work) == [None] * 4


def _rewrite(tier: Any, place: VariantKey, change: Callable[[bytes], bytes]) -> None:
    """This will change the bytes behind the tier's back."""
    if isinstance(tier, SharedTier):
        hash_key = tier._variants(place.digest)
        tier._client.hset(hash_key, place.name, change(tier._client.hget(hash_key, place.name)))
        return
    storage = tier._storage
    with storage.open(place.path) as file:
        data = file.read()
    storage.save(place.path, ContentFile(change(data)))


def _is_there(tier: Any, place: VariantKey) -> bool:
    if isinstance(tier, SharedTier):
        return bool(tier._client.hexists(tier._variants(place.digest), place.name))
    return bool(tier._storage.exists(place.path))


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda data: data[:-1],
    "half": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "a byte in the magic": lambda data: b"X" + data[1:],
    "a bit in the body": lambda data: data[:-5] + bytes([data[-5] ^ 1]) + data[-4:],
    "appended": lambda data: data + b"\0",
    "another variant's": lambda data: pack(key(name="other").name, entry("other")),
    "another program's": lambda data: b"\x89PNG\r\n\x1a\n",
    "a number": lambda data: b"17",
    "a pickle": lambda data: pickle.dumps(data),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=list(DAMAGE))
def test_a_damaged_entry_is_a_miss_is_removed_and_can_be_put_again(
    checked: Tier, damage: Callable[[bytes], bytes]
) -> None:
    checked.put(key(), entry("whole", size=3000))
    checked.put(key(name="neighbour"), entry("neighbour"))
    _rewrite(checked, key(), damage)
    assert checked.get(key()) is None
    assert not _is_there(checked, key())
    checked.put(key(), entry("whole", size=3000))
    assert checked.get(key()) == entry("whole", size=3000)
    assert checked.get(key(name="neighbour")) == entry("neighbour")


SPRUNG: list[str] = []


def spring() -> bytes:
    SPRUNG.append("code ran")
    return b""


class Sprung:
    """What a stranger might put there: unpickled, it runs a function."""

    def __reduce__(self) -> tuple[Callable[[], bytes], tuple[()]]:
        return spring, ()


def test_nothing_is_unpickled(checked: Tier) -> None:
    """Whoever may write to a shared Redis or bucket must not be able to run code here."""
    checked.put(key(), entry())
    _rewrite(checked, key(), lambda data: pickle.dumps(Sprung()))
    assert checked.get(key()) is None
    assert not SPRUNG


def test_a_damaged_entry_is_counted(checked: Tier) -> None:
    before = counters.DAMAGED.labels(checked.name)._value.get()
    checked.put(key(), entry())
    _rewrite(checked, key(), lambda data: data[:-1])
    assert checked.get(key()) is None
    assert counters.DAMAGED.labels(checked.name)._value.get() == before + 1


def test_on_s3_a_draft_takes_the_place_of_nothing(s3: BucketTier) -> None:
    """Of another machine's lock nobody can be sure: a draft may come after the final."""
    s3.put(key(), entry("final"))
    s3.put(key(), entry("draft", provisional=True))
    assert s3.get(key()) == entry("final")
    s3.put(key(name="2"), entry("first draft", provisional=True))
    s3.put(key(name="2"), entry("late draft", provisional=True))
    assert s3.get(key(name="2")) == entry("first draft", provisional=True)
    s3.put(key(name="2"), entry("final"))
    assert s3.get(key(name="2")) == entry("final")


def test_on_s3_what_is_measured_is_not_unmeasured_again(s3: BucketTier) -> None:
    s3.put(key(), entry("same"))
    s3.put(key(), entry("same", scores=None))
    assert s3.get(key()) == entry("same")
    s3.put(key(name="2"), entry("same", scores=None))
    s3.put(key(name="2"), entry("same"))
    assert s3.get(key(name="2")) == entry("same")
    s3.put(key(name="2"), entry("same", seconds={"decode": 9.9}))
    assert s3.get(key(name="2")) == entry("same"), "who slept writes nothing again"


def test_on_s3_nothing_is_overwritten_that_was_not_seen(s3: BucketTier, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two machines finish at the same moment: the second has seen the draft, and finds a final in its place."""
    s3.put(key(), entry("draft", provisional=True))
    real = s3._storage.read

    def read(name: str) -> Stored:
        seen = real(name)
        s3._storage.save(name, ContentFile(pack(key().name, entry("the other's final"))))
        return seen

    monkeypatch.setattr(s3._storage, "read", read)
    s3.put(key(), entry("late final"))
    monkeypatch.undo()
    assert s3.get(key()) == entry("the other's final")


def test_on_s3_a_damaged_entry_is_replaced(s3: BucketTier) -> None:
    s3.put(key(), entry("whole"))
    _rewrite(s3, key(), lambda data: data[:-1])
    s3.put(key(), entry("whole"))
    assert s3.get(key()) == entry("whole")


@pytest.mark.services
def test_what_is_too_large_for_redis_is_left_to_the_storage(shared: SharedTier) -> None:
    shared.put(key(), entry("x", size=MAX_BYTES + 1))
    assert shared.get(key()) is None
    shared.put(key(), entry("x", size=MAX_BYTES))
    assert shared.get(key()) is not None


@pytest.mark.services
def test_what_lies_in_redis_ends_by_itself(shared: SharedTier) -> None:
    shared.put(key(), entry())
    assert 0 < shared._client.ttl(shared._variants(key().digest)) <= KEEP_SECONDS


def test_a_variant_on_disk_appears_whole_or_not_at_all(disk: StorageTier, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash while it is written leaves nothing under its name."""

    def crash(self: Path, target: Path) -> Path:
        raise OSError("the power is gone")

    monkeypatch.setattr(Path, "replace", crash)
    with pytest.raises(OSError, match="power"):
        disk.put(key(), entry())
    assert disk.get(key()) is None
    folder = Path(disk._storage.path(key().path)).parent
    assert list(folder.iterdir()) == [], "not even a piece"


def test_a_read_counts_as_a_use(disk: StorageTier) -> None:
    disk.put(key(), entry())
    path = Path(disk._storage.path(key().path))
    os.utime(path, (1000, 1000))
    disk.get(key())
    assert path.stat().st_mtime > 1_000_000


def test_a_variant_purged_while_it_is_read_is_still_read(disk: StorageTier, monkeypatch: pytest.MonkeyPatch) -> None:
    disk.put(key(), entry("read"))

    def purged_meanwhile(name: str, data: bytes) -> Entry:
        disk.purge(key().digest)
        return unpack(name, data)

    monkeypatch.setattr("delivery.tiers.storage.unpack", purged_meanwhile)
    assert disk.get(key()) == entry("read")


def test_a_purge_leaves_no_empty_folder_on_disk(disk: StorageTier) -> None:
    disk.put(key(), entry())
    folder = Path(disk._storage.path(key().path)).parent
    disk.purge(key().digest)
    assert not folder.exists()


def test_variants_on_disk_are_sharded_and_stand_together_by_master(disk: StorageTier) -> None:
    disk.put(key("shoe", "1"), entry())
    disk.put(key("shoe", "2"), entry())
    shard = digest_of("shoe")[:2]
    names = {path.name for path in Path(disk._storage.path(f"{shard}/{digest_of('shoe')}")).iterdir()}
    assert names == {key(name="1").name, key(name="2").name}
