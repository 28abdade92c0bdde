"""The folder of a server's figures: its own, cleaned of what dead ones left, right after a process has died."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from delivery.exposition import exposition
from delivery.metrics_files import VARIABLE, MetricsFolder, forget_dead_processes

PROGRAM = """
import sys
from delivery import counters
counters.ANSWERS.labels("memory").inc(int(sys.argv[1]))
counters.MEMORY_BYTES.set(int(sys.argv[1]))
counters.HIT_TALLY.add(0, 0)
counters.flush()
print("done", flush=True)
sys.stdin.read()
"""


class Process:
    """Stands for a server process: counts, and stays until it is ended."""

    def __init__(self, folder: Path, number: int) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(number)],
            env={**os.environ, VARIABLE: str(folder)},
            cwd=Path(__file__).resolve().parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def wait_until_counted(self) -> None:
        assert self.popen.stdout is not None
        assert self.popen.stdout.readline() == "done\n"

    def kill(self) -> None:
        self.popen.kill()
        self.popen.communicate()


def value(line: str) -> float:
    [found] = [text for text in exposition().decode().splitlines() if text.startswith(f"{line} ")]
    return float(found.rpartition(" ")[2])


def test_each_process_tells_the_sum_and_the_dead_leave_only_what_they_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = MetricsFolder(tmp_path)
    monkeypatch.setenv(VARIABLE, str(folder.path))
    first, second = Process(folder.path, 100), Process(folder.path, 20)
    try:
        first.wait_until_counted()
        second.wait_until_counted()
        assert value('imgopt_variant_answers_total{tier="memory"}') == 122
        assert value("imgopt_memory_tier_bytes") == 120
        first.kill()
        for _ in range(2):
            assert value('imgopt_variant_answers_total{tier="memory"}') == 122, "what was counted was counted"
            assert value("imgopt_memory_tier_bytes") == 20, "what a dead process held is gone"
    finally:
        first.kill()
        second.kill()
        folder.close()
    assert list(tmp_path.glob("server-*")) == []


def test_two_servers_on_one_data_directory_have_folders_of_their_own(tmp_path: Path) -> None:
    first, second = MetricsFolder(tmp_path), MetricsFolder(tmp_path)
    assert first.path != second.path
    assert first.path.is_dir()
    assert second.path.is_dir()
    first.close()
    assert second.path.is_dir()
    second.close()


def test_what_a_dead_server_left_is_removed_by_the_next(tmp_path: Path) -> None:
    left = tmp_path / "server-left"
    left.mkdir()
    (left / "counter_1.db").write_bytes(b"x")
    (tmp_path / "not-ours").mkdir()
    folder = MetricsFolder(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "not-ours", folder.path.name]
    folder.close()


def test_only_gauges_of_dead_processes_go(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        dead = process.pid
    stay = [f"counter_{dead}.db", f"histogram_{dead}.db", f"gauge_livesum_{os.getpid()}.db", "gauge_livesum_x.db"]
    for name in (*stay, f"gauge_livesum_{dead}.db", f"gauge_livemax_{dead}.db"):
        (tmp_path / name).touch()
    forget_dead_processes(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(stay)
