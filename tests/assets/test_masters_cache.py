"""Copies of masters on a machine's disk."""

from __future__ import annotations

import errno
import hashlib
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest

from assets import masters_cache
from assets.flight import SingleFlight
from assets.masters_cache import HeldPath, MastersCache
from assets.verified import Verified, WrongBytes
from delivery import sampling  # noqa: F401  counts
from tests.delivery.figures import Figures
from tests.delivery.world import at_once

ROOT = Path(__file__).resolve().parents[2]
DATA = b"picture" * 1000
DIGEST = hashlib.sha256(DATA).hexdigest()


class Bucket:
    """Has masters by their number, counts who fetches, and gives other bytes where told to."""

    def __init__(self) -> None:
        self.fetches = 0
        self.before: Callable[[], object] = lambda: None
        self.spoilt = False

    def __call__(self, file: IO[bytes]) -> str:
        return self.fetch(DATA, file)

    def fetch(self, data: bytes, file: IO[bytes]) -> str:
        self.fetches += 1
        self.before()
        came = data[:-1] + b"?" if self.spoilt else data
        file.write(came)
        return hashlib.sha256(came).hexdigest()


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


def cache_in(folder: Path, max_bytes: int = 10**9) -> MastersCache:
    return MastersCache(folder / "copies", max_bytes, SingleFlight(folder / "locks", wait_seconds=20))


@pytest.fixture(autouse=True)
def _nothing_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh_process(monkeypatch)


def fresh_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masters_cache, "VERIFIED", Verified())


@pytest.fixture
def cache(tmp_path: Path) -> MastersCache:
    return cache_in(tmp_path)


def read(source: str | bytes) -> bytes:
    assert isinstance(source, str), "bytes instead of a path"
    return Path(source).read_bytes()


def files(tmp_path: Path) -> list[str]:
    return sorted(
        path.name for path in (tmp_path / "copies").rglob("*") if path.is_file() and path.name[:6] != ".sweep"
    )


def test_a_second_look_fetches_nothing(cache: MastersCache, bucket: Bucket) -> None:
    assert read(cache.get(DIGEST, len(DATA), bucket)) == DATA
    assert read(cache.get(DIGEST, len(DATA), bucket)) == DATA
    assert bucket.fetches == 1


def test_a_burst_fetches_once(cache: MastersCache, bucket: Bucket) -> None:
    assert at_once(8, lambda: read(cache.get(DIGEST, len(DATA), bucket))) == [DATA] * 8
    assert bucket.fetches == 1


def test_another_process_finds_the_copy(tmp_path: Path, bucket: Bucket) -> None:
    script = (
        "import django; django.setup()\n"
        "from tests.assets.test_masters_cache import *\n"
        "def never(file): raise AssertionError('fetched')\n"
        f"print(len(read(cache_in(Path({str(tmp_path)!r})).get(DIGEST, len(DATA), never))))"
    )
    cache_in(tmp_path).get(DIGEST, len(DATA), bucket)
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    said = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == str(len(DATA))


def test_while_another_process_fetches_it_is_waited_for(cache: MastersCache, bucket: Bucket, tmp_path: Path) -> None:
    """Two caches have flights of their own, as two processes do, and the machine's lock between them."""
    other = cache_in(tmp_path)
    caches = [cache, other] * 4
    assert at_once(8, lambda: read(caches.pop().get(DIGEST, len(DATA), bucket))) == [DATA] * 8
    assert bucket.fetches == 1


def test_wrong_bytes_are_given_to_nobody_and_not_kept(cache: MastersCache, bucket: Bucket, tmp_path: Path) -> None:
    bucket.spoilt = True
    with pytest.raises(WrongBytes):
        cache.get(DIGEST, len(DATA), bucket)
    assert files(tmp_path) == []
    bucket.spoilt = False
    assert read(cache.get(DIGEST, len(DATA), bucket)) == DATA


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda data: data[:-1],
    "empty": lambda data: b"",
    "a bit": lambda data: bytes([data[0] ^ 1]) + data[1:],
    "another master's": lambda data: b"another" * 1000,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=list(DAMAGE))
@pytest.mark.parametrize("restarted", [False, True])
def test_a_damaged_copy_is_fetched_anew(
    cache: MastersCache, bucket: Bucket, damage: Any, restarted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(str(cache.get(DIGEST, len(DATA), bucket)))
    path.write_bytes(damage(DATA))
    os.utime(path, ns=(10**18, 10**18))  # however coarse the disk's clock is
    if restarted:
        fresh_process(monkeypatch)
    figures = Figures()
    assert read(cache.get(DIGEST, len(DATA), bucket)) == DATA
    assert bucket.fetches == 2
    assert figures.grown("imgopt_damaged_entries_total", tier="copies") == 1
    assert figures.grown("imgopt_damaged_entries_total", tier="masters") == 0


def test_a_copy_is_hashed_once_by_a_process(
    cache: MastersCache, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.get(DIGEST, len(DATA), bucket)
    fresh_process(monkeypatch)
    real, hashed = hashlib.file_digest, []

    def counted(file: Any, name: Any) -> Any:
        hashed.append(name)
        return real(file, name)

    monkeypatch.setattr(hashlib, "file_digest", counted)
    for _ in range(3):
        cache.get(DIGEST, len(DATA), bucket)
    assert hashed == ["sha256"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_where_the_disk_is_full_the_bytes_are_given(
    cache: MastersCache, bucket: Bucket, tmp_path: Path, code: int
) -> None:
    def full() -> None:
        if bucket.fetches == 1:
            raise OSError(code, "no room")

    bucket.before = full
    assert cache.get(DIGEST, len(DATA), bucket) == DATA
    assert files(tmp_path) == []


def test_a_copy_that_cannot_be_read_is_fetched_anew(
    cache: MastersCache, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.get(DIGEST, len(DATA), bucket)
    real = masters_cache.hold

    def hold(path: Path) -> IO[bytes]:
        if path.name == DIGEST:
            raise OSError(errno.EIO, "the disk is dying")
        return real(path)

    monkeypatch.setattr(masters_cache, "hold", hold)
    assert Path(str(cache.get(DIGEST, len(DATA), bucket))).read_bytes() == DATA
    assert bucket.fetches == 2


def test_what_takes_too_much_of_the_cache_is_not_kept(tmp_path: Path, bucket: Bucket) -> None:
    cache = cache_in(tmp_path, max_bytes=len(DATA) * 4 - 1)
    assert cache.get(DIGEST, len(DATA), bucket) == DATA
    assert not (tmp_path / "copies").exists()


class Many:
    """A cache for five of these masters."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(threading, "Thread", Now)
        self.data = [bytes([number]) * 1000 for number in range(10)]
        self.cache = cache_in(folder, max_bytes=5000)
        self.bucket = Bucket()

    def get(self, number: int) -> str | bytes:
        data = self.data[number]
        digest = hashlib.sha256(data).hexdigest()
        found = self.cache.get(digest, 1000, lambda file: self.bucket.fetch(data, file))
        assert read(found) == data
        return found


class Now:
    """Sweeps run where they are asked for, not in a thread."""

    def __init__(self, target: Callable[[], object], **_options: object) -> None:
        self.start = target


def test_the_copies_stay_below_their_limit_and_the_last_used_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = Many(tmp_path, monkeypatch)
    for number in range(10):
        many.get(number)
        many.get(0)
        assert sum(path.stat().st_size for path in (tmp_path / "copies").rglob("*") if path.is_file()) <= 6000
    assert many.bucket.fetches == 10, "the first was never evicted"


def test_a_copy_that_is_about_to_be_opened_is_not_evicted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = Many(tmp_path, monkeypatch)
    held = many.get(0)
    for number in range(1, 10):
        many.get(number)
    assert read(held) == many.data[0]
    name = str(held)
    del held
    many.cache._evictor._written_since = 10**6
    for number in range(1, 10):
        many.get(number)
    assert not Path(name).exists(), "nobody holds it any more"


def test_a_path_goes_to_a_child_as_a_plain_text(cache: MastersCache, bucket: Bucket) -> None:
    held = cache.get(DIGEST, len(DATA), bucket)
    assert isinstance(held, HeldPath)
    sent = pickle.loads(pickle.dumps(held))
    assert (type(sent), sent) == (str, str(held))


def test_no_descriptor_is_left_open(cache: MastersCache, bucket: Bucket) -> None:
    cache.get(DIGEST, len(DATA), bucket)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(50):
        cache.get(DIGEST, len(DATA), bucket)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


def test_a_forgotten_copy_is_fetched_anew(cache: MastersCache, bucket: Bucket) -> None:
    cache.get(DIGEST, len(DATA), bucket)
    cache.forget(DIGEST)
    cache.get(DIGEST, len(DATA), bucket)
    assert bucket.fetches == 2
