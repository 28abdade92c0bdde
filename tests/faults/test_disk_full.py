"""The disk is full: under a machine's whole data directory, and under its copies of masters alone."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.assets.caller import files_under
from tests.e2e.server import ROOT, Server
from tests.faults.asking import photograph, uploaded, url_of
from tests.fleet import fleet
from tests.jobs.services import need_root

pytestmark = [pytest.mark.services, pytest.mark.faults, pytest.mark.timeout(240)]
seeds = itertools.count(300)


class Disk:
    """A small one in memory, of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self) -> None:
        with self._filler.open("wb", buffering=0) as file:
            size = 1 << 20
            while size:
                try:
                    file.write(b"\0" * size)
                except OSError:  # there is no room for that much
                    size //= 2

    def free(self) -> None:
        self._filler.unlink()


@contextmanager
def disk(folder: Path, megabytes: int) -> Iterator[Disk]:
    need_root()
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], check=True)
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def is_full(server: Server, key: str) -> bool:
    answer = server.upload(key, ("new.jpg", photograph(next(seeds))))
    assert (answer.status, answer.json["code"]) == (507, "storage_full"), answer.body
    assert answer.headers["cache-control"] == "no-store"
    return True


def test_a_full_data_directory_stops_uploads_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "machine"
    with disk(folder, 96) as room:
        server = Server(folder, {"IMGOPT_JOBS_WORKERS": "0"})
        server.start()
        try:
            key = server.api_key
            warm = uploaded(server, key, next(seeds))
            colds = [(warm, url_of(server, key, warm, w=str(width))) for width in (160, 320, 480, 640)]
            for _ in range(2):
                other = uploaded(server, key, next(seeds))
                colds.append((other, url_of(server, key, other)))
            warm_url = colds.pop(0)[1]
            assert server.request(warm_url).status == 200
            before = files_under(folder / "masters")
            process = server.process

            room.fill()
            for _ in range(3):
                assert server.request(warm_url).status == 200
            for picture, url in colds:
                for _ in range(2):
                    answer = server.request(url)
                    assert answer.status == 200, answer.body
                    assert picture.is_shown_by(answer)
            for _ in range(3):
                assert is_full(server, key)
            assert server.request("/healthz").status == 200
            assert files_under(folder / "masters") == before
            assert files_under(folder / "tmp") == []
            assert process is not None
            assert process.poll() is None

            room.free()
            healed = uploaded(server, key, next(seeds))
            url = url_of(server, key, healed)
            assert [server.request(url).status for _ in range(2)] == [200, 200]
            assert len(files_under(folder / "masters")) == len(before) + 1
            count = server.api("/api/v1/images?limit=1", key).json["count"]
            assert count == len(before) + 1, "no row of what did not fit"
            assert not [line for line in server.output if "Bus error" in line or "SIGBUS" in line]
        finally:
            server.stop()


SERIES = """
import sys
from delivery.counters import REGISTRY
from prometheus_client import Counter
counter = Counter("many", "Many.", ["number"], registry=REGISTRY)
counter.labels("first").inc()
print("ready", flush=True)
sys.stdin.readline()
for number in range(1000):
    counter.labels(str(number)).inc()
print("counted", flush=True)
"""


def test_counting_on_a_full_disk_does_not_end_the_process(tmp_path: Path) -> None:
    """A memory-mapped file with holes would: the kernel has only SIGBUS to say that there is no room."""
    with disk(tmp_path / "metrics", 16) as room:
        environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(room.folder), "PYTHONPATH": os.curdir}
        process = subprocess.Popen(
            [sys.executable, "-c", SERIES], cwd=ROOT, env=environment, stdin=-1, stdout=-1, text=True
        )
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        room.fill()
        assert process.communicate("go\n", timeout=60)[0] == "counted\n"
        assert process.returncode == 0


def test_without_room_for_copies_masters_are_rendered_all_the_same(tmp_path: Path) -> None:
    copies = tmp_path / "machine-1" / "masters-cache"
    with disk(copies, 2) as room, fleet(tmp_path, servers=1) as machines:
        [server] = machines.servers
        first, second, third = (uploaded(server, machines.api_key, next(seeds)) for _ in range(3))
        assert server.request(url_of(server, machines.api_key, first)).status == 200
        assert len([path for path in files_under(copies) if len(path.name) == 64]) == 1
        room.fill()
        for width in ("160", "320"):
            answer = server.request(url_of(server, machines.api_key, second, w=width))
            assert answer.status == 200, answer.body
            assert second.is_shown_by(answer)
        assert len([path for path in files_under(copies) if len(path.name) == 64]) == 1
        assert not [path for path in files_under(copies) if path.name.endswith(".part")]
        room.free()
        assert server.request(url_of(server, machines.api_key, third)).status == 200
        assert len([path for path in files_under(copies) if len(path.name) == 64]) == 2
