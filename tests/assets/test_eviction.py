"""Eviction on disk: oldest use first, below the limit, one sweeper."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from assets import eviction
from assets.eviction import LOW_WATER, SWEEP_SHARE, Evictor


def written(folder: Path, name: str, *, used_at: float, size: int = 1000) -> Path:
    path = folder / name[:2] / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"." * size)
    os.utime(path, (used_at, used_at))
    return path


def names(folder: Path) -> str:
    return "".join(sorted(path.name for path in folder.rglob("*") if path.is_file() and path.name[0] != "."))


def test_the_least_recently_used_go_until_it_is_below_the_low_water_mark(tmp_path: Path) -> None:
    for place, name in enumerate("hgfedcba"):  # a was used last, and the names run against the order
        written(tmp_path, name, used_at=1000 + place)
    assert Evictor(tmp_path, 5000).sweep() == 4000
    assert names(tmp_path) == "abcd"
    assert LOW_WATER * 5000 >= 4000


def test_below_the_limit_nothing_goes(tmp_path: Path) -> None:
    for place, name in enumerate("abcde"):
        written(tmp_path, name, used_at=1000 + place)
    assert Evictor(tmp_path, 5000).sweep() == 0
    assert names(tmp_path) == "abcde"


def test_sizes_count_not_numbers(tmp_path: Path) -> None:
    written(tmp_path, "a", used_at=1, size=100)
    written(tmp_path, "b", used_at=2, size=9000)
    written(tmp_path, "c", used_at=3, size=100)
    assert Evictor(tmp_path, 5000).sweep() == 9100
    assert names(tmp_path) == "c"


def test_a_file_that_is_being_written_is_left_alone(tmp_path: Path) -> None:
    part = tmp_path / ".abc.part"
    part.write_bytes(b"." * 9000)
    assert Evictor(tmp_path, 5000).sweep() == 0
    assert part.exists()


def test_nothing_outside_the_folder_is_touched_through_a_link(tmp_path: Path) -> None:
    precious = written(tmp_path / "masters", "precious", used_at=1, size=9000)
    folder = tmp_path / "variants"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path / "masters")
    written(folder, "a", used_at=5, size=6000)
    Evictor(folder, 5000).sweep()
    assert precious.exists()
    assert names(folder) == ""


def test_one_process_sweeps_at_a_time(tmp_path: Path) -> None:
    written(tmp_path, "a", used_at=1, size=9000)
    with (tmp_path / ".sweep.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert Evictor(tmp_path, 5000).sweep() == 0
        assert names(tmp_path) == "a"
    assert Evictor(tmp_path, 5000).sweep() == 9000


def test_a_purge_at_the_same_time_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place, name in enumerate("abcdefgh"):
        written(tmp_path, name, used_at=1000 + place)
    real = eviction._files

    def purged_meanwhile(folder: Path) -> Iterator[tuple[float, int, str]]:
        found = list(real(folder))
        (tmp_path / "a" / "a").unlink()
        return iter(found)

    monkeypatch.setattr(eviction, "_files", purged_meanwhile)
    assert Evictor(tmp_path, 5000).sweep() == 4000
    assert names(tmp_path) == "efgh"


def test_a_folder_that_vanishes_while_it_is_listed_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, "a", used_at=1, size=9000)
    real = os.scandir

    def gone(path: str) -> object:
        if path != str(tmp_path):
            raise FileNotFoundError(path)
        return real(path)

    monkeypatch.setattr("assets.eviction.os.scandir", gone)
    assert Evictor(tmp_path, 5000).sweep() == 0


class Counting(Evictor):
    sweeps = 0

    def sweep(self) -> int:
        self.sweeps += 1
        return 0


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sweeps run where they are asked for, not in a thread."""

    class Now:
        def __init__(self, target: object, **_options: object) -> None:
            self.start = target

    monkeypatch.setattr(threading, "Thread", Now)


def test_what_an_earlier_run_left_is_looked_at_with_the_first_write(tmp_path: Path, at_once: None) -> None:
    evictor = Counting(tmp_path, 100_000)
    evictor.wrote(1)
    assert evictor.sweeps == 1


def test_a_sweep_comes_once_per_share_of_the_limit_written(tmp_path: Path, at_once: None) -> None:
    evictor = Counting(tmp_path, 100_000)
    evictor.wrote(1)
    share = int(100_000 * SWEEP_SHARE)
    for _ in range(9):
        evictor.wrote(share // 10)
    assert evictor.sweeps == 1
    evictor.wrote(share // 10)
    assert evictor.sweeps == 2
    evictor.wrote(1)
    assert evictor.sweeps == 2
