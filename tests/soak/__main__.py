"""`python -m tests.soak [MINUTES]`: mixed load on a server of two processes, a tenth of it bad files (`make soak`).

At the end memory and file descriptors have not grown, nothing temporary is left, no answer was unexpected, and no
server process was replaced. Anything else is an exit status of 1, with sentences.
"""

from __future__ import annotations

import argparse
import re
import secrets
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from imgopt_client.signing import SigningKey
from tests.e2e.server import Server
from tests.soak.load import Load
from tests.soak.watch import Watch, complaints, growth, leftovers

RATE = 12.0
"""Actions a second, which a machine of two cores bears beside other work."""
SETTLE_SECONDS = 60.0


def soak(folder: Path, *, seconds: float, rate: float = RATE) -> list[str]:
    """This will give what was wrong, each in a sentence, and print the figures."""
    key = SigningKey("k1", secrets.token_bytes(32))
    temporary = folder / "temporary"
    temporary.mkdir()
    server = Server(
        folder / "data",
        {
            "IMGOPT_SERVER_WORKERS": "2",
            "IMGOPT_RENDER_PROCESSES": "1",
            "IMGOPT_SIGNING_KEYS": f"k1:{key.secret.hex()}",
            # Small, so that they are full when the warm-up is over.
            "IMGOPT_DELIVERY_MEMORY_MB": "16",
            "IMGOPT_DELIVERY_VARIANTS_MB": "16",
            "IMGOPT_APIKEYS_RATE": "1000",
            "IMGOPT_APIKEYS_BURST": "10000",
            "IMGOPT_DELIVERY_MISS_RATE": "1000",
            "IMGOPT_DELIVERY_MISS_BURST": "10000",
            "IMGOPT_LOG_LEVEL": "warning",
            "TMPDIR": str(temporary),
        },
    )
    server.start()
    try:
        assert server.process is not None
        started = figure(server, "imgopt_process_start_time_seconds")
        load, watch = Load(server, key, rate=rate), Watch(server.process.pid, max(0.5, seconds / 600))
        watch.start()
        load.run(seconds)
        watch.stop()
        wrong = [*load.wrong[:10], *complaints(watch.samples)]
        if len(load.wrong) > 10:
            wrong.append(f"… and {len(load.wrong) - 10} more answers that were not expected.")
        if figure(server, "imgopt_process_start_time_seconds") != started:
            wrong.append("A server process was replaced.")
        wait_until_idle(folder / "data")
    finally:
        status = server.stop()
    if status != 0:
        wrong.append(f"The server ended with status {status}.")
    wrong += left_over(folder)
    for name, number in sorted(load.done.items()):
        print(f"  {name:18} {number:6}")
    if len(watch.samples) >= 20:
        for name in ("memory_mb", "lasting_mb", "files"):
            before, after = growth([float(getattr(each, name)) for each in watch.samples])
            print(f"  {name:18} {before:6.0f} → {after:.0f}")
    return wrong


def left_over(folder: Path) -> list[str]:
    data = folder / "data"
    found = [f"Left over: {file}" for file in leftovers([folder / "temporary", data / "tmp"])]
    found += [f"Half written: {file}" for file in data.rglob("*.part")]
    with closing(sqlite3.connect(data / "db.sqlite3")) as database:
        [blobs] = database.execute("SELECT COUNT(*) FROM assets_blob").fetchone()
        [live] = database.execute("SELECT COUNT(*) FROM jobs_job WHERE state = 'running'").fetchone()
    files = sum(1 for file in (data / "masters").rglob("*") if file.is_file())
    if files != blobs:
        found.append(f"{files} files of masters for {blobs} rows.")
    if live:
        found.append(f"{live} jobs run though nobody works.")
    return found


def wait_until_idle(data: Path) -> None:
    give_up_at = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < give_up_at:
        with closing(sqlite3.connect(data / "db.sqlite3")) as database:
            [running] = database.execute("SELECT COUNT(*) FROM jobs_job WHERE state = 'running'").fetchone()
        if not running:
            return
        time.sleep(0.5)


def figure(server: Server, name: str) -> str:
    text = server.request("/metrics").body.decode()
    found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
    assert found, name
    return found[1]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("minutes", nargs="?", type=float, default=20.0)
    parser.add_argument("--rate", type=float, default=RATE, help="actions a second")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="imgopt-soak-") as folder:
        wrong = soak(Path(folder), seconds=60 * options.minutes, rate=options.rate)
    for sentence in wrong:
        print(sentence)
    print(f"{options.minutes:g} minutes of mixed load: {'nothing grew' if not wrong else 'NOT well'}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
