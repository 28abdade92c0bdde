"""How soon an idle worker begins a job: from the commit that writes it down to the claim, on the embedded default.

The reference is the least that looking every tenth of a second can cost: a bare loop over a table of SQLite's.
"""

from __future__ import annotations

import os
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.report import heading, line, percentile, save

JOBS = 80
GOAL_MS = 200.0
ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    heading("job_latency", f"{JOBS} jobs, one at a time, at odd moments")
    with tempfile.TemporaryDirectory(prefix="imgopt-bench-") as folder:
        os.environ |= {
            "IMGOPT_ENV_FILE": os.devnull,
            "IMGOPT_DATA_DIR": folder,
            "IMGOPT_SIGNING_KEYS": f"bench:{'5a' * 32}",
            "IMGOPT_LOG_LEVEL": "error",
            "DJANGO_SETTINGS_MODULE": "imgopt.settings",
        }
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        command = [sys.executable, "-m", "django", "worker", f"--parent={os.getpid()}"]
        worker = subprocess.Popen(command, cwd=ROOT)
        try:
            ours = measure()
        finally:
            worker.terminate()
            worker.wait()
        reference = bare(Path(folder) / "bare.sqlite3")
    for label, values in (("ours", ours), ("reference", reference)):
        line(
            label,
            f"median {statistics.median(values):.0f} ms, p99 {percentile(values, 0.99):.0f}, max {max(values):.0f}",
        )
    line("goal", f"{GOAL_MS:g} ms: {'met' if max(ours) <= GOAL_MS else 'MISSED'}")
    save("job_latency", {"ours_ms": ours, "reference_ms": reference})


def measure() -> list[float]:
    from jobs import ledger
    from jobs.models import Job

    found = []
    for number in range(JOBS + 1):
        job = ledger.enqueue("prune", {})
        give_up_at = time.monotonic() + 20
        while (row := Job.objects.get(id=job.id)).claimed_at is None and time.monotonic() < give_up_at:
            time.sleep(0.02)
        if row.claimed_at is None:
            raise RuntimeError("The worker took no job within 20 seconds.")
        if number:  # until the first one the worker was still starting
            found.append(1000 * (row.claimed_at - row.created_at).total_seconds())
        time.sleep(random.uniform(0.1, 0.35))
    return found


def bare(file: Path) -> list[float]:
    ended, found = threading.Event(), []
    database = sqlite3.connect(file)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("CREATE TABLE job (at REAL)")

    def look() -> None:
        own = sqlite3.connect(file)
        while not ended.wait(0.1):
            for (at,) in own.execute("SELECT at FROM job").fetchall():
                found.append(1000 * (time.time() - at))
                with own:
                    own.execute("DELETE FROM job")
        own.close()

    thread = threading.Thread(target=look)
    thread.start()
    for _ in range(JOBS):
        with database:
            database.execute("INSERT INTO job VALUES (?)", (time.time(),))
        time.sleep(random.uniform(0.2, 0.45))
    ended.set()
    thread.join()
    return found


if __name__ == "__main__":
    main()
