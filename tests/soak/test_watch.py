"""The judge of `make soak`: what grows is told, what breathes is not."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.soak.watch import Sample, complaints, leftovers, memory_mb, open_files, tree


def seen(
    memory: float = 600, files: float = 140, *, leak: float = 0.0, fds: float = 0.0, noise: float = 0.0
) -> list[Sample]:
    chance, found = random.Random(3), []
    for second in range(300):
        warm = min(1.0, second / 60)
        taken = memory * (0.5 + warm / 2) + leak * second + chance.uniform(-noise, noise)
        found.append(Sample(second, taken, taken * 0.8, int(files * warm + fds * second)))
    return found


def test_what_fills_once_and_breathes_is_flat() -> None:
    assert complaints(seen()) == []
    assert complaints(seen(noise=60)) == []


@pytest.mark.parametrize(
    ("leaks", "told"),
    [
        ({"leak": 1.0}, "memory_mb grew from"),
        ({"leak": 1.0, "noise": 40}, "memory_mb grew"),
        ({"fds": 0.5}, "Open files"),
    ],
)
def test_what_grows_is_told(leaks: dict[str, float], told: str) -> None:
    assert any(sentence.startswith(told) for sentence in complaints(seen(**leaks)))


def test_too_few_looks_say_nothing() -> None:
    assert complaints(seen()[:19]) == ["Expected at least 20 looks at the processes, had 19."]


def test_a_process_and_its_children_are_looked_at() -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as process:
        while len(tree(process.pid)) < 2:
            assert process.poll() is None
        assert tree(process.pid)[0] == process.pid
        assert all(memory_mb(pid) > 0 for pid in tree(process.pid))
        assert open_files(process.pid) >= 3
    assert (memory_mb(process.pid), open_files(process.pid)) == (0, 0)
    assert os.getpid() in tree(os.getpid())


def test_what_is_left_over_is_named(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    assert leftovers([tmp_path]) == []
    (tmp_path / "in" / "upload.tmp").touch()
    assert leftovers([tmp_path]) == [str(tmp_path / "in" / "upload.tmp")]
