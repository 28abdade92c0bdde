"""Empty jobs a second of one worker process, on each engine: what the ledger and its broker cost a job.

The reference on the table is the bare SQL of a claim and an end; on Celery it is Celery with nothing behind it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.bare_ledger import on_postgresql, on_sqlite
from benchmarks.processes import cpu_seconds, tree
from benchmarks.report import compare, heading, line, save
from tests.jobs.crew import PLACES, ROOT, Crew, crew

JOBS = 500
THREADS = 4
TURNS = 3


def main() -> None:
    heading("jobs_per_second", f"{JOBS} empty jobs, one worker process, {THREADS} at a time")
    samples = {}
    for name in PLACES:
        with (
            tempfile.TemporaryDirectory(prefix="imgopt-bench-") as folder,
            crew(
                name,
                Path(folder),
                IMGOPT_JOBS_LEASE_SECONDS="30",
                IMGOPT_JOBS_CONCURRENCY=f"renders={THREADS}",
                IMGOPT_LOG_LEVEL="error",
            ) as workers,
        ):
            turns = [(ours(workers), reference(workers, Path(folder))) for _ in range(TURNS)][1:]
        line("", name)
        for unit, number in (("jobs/s", 0), ("jobs a second of processor time", 1)):
            mine, bare = ([1 / turn[who][number] for turn in turns] for who in (0, 1))
            compare("", mine, bare, unit=unit, goal=None)
        samples[name] = [{"ours": mine, "reference": bare} for mine, bare in turns]
    save("jobs_per_second", {"jobs": JOBS, "threads": THREADS, "seconds_and_processor_seconds_a_job": samples})


def ours(workers: Crew) -> tuple[float, float]:
    """This will give seconds from the first claim to the last end, and of the worker's processor, for a job."""
    workers.ask("enqueue", kind="empty", number=JOBS)
    worker = workers.hire()
    workers.wait_for_ends(1, kinds=["empty"])
    before, ended = cpu_seconds(tree(worker.pid)), workers.ask("states", kinds=["empty"])["done"]
    workers.wait_for_ends(JOBS, kinds=["empty"])
    processor = cpu_seconds(tree(worker.pid)) - before
    worker.terminate()
    worker.wait()
    return float(workers.ask("seconds", kind="empty")) / JOBS, processor / max(1, JOBS - ended)


def reference(workers: Crew, folder: Path) -> tuple[float, float]:
    if workers.place.broker_url:
        command = [sys.executable, "-m", "benchmarks.bare_celery", workers.place.broker_url, str(JOBS), str(THREADS)]
        printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
        seconds, processor = map(float, printed.split())
    elif workers.place.database == "postgresql":
        seconds, processor = on_postgresql(workers.environment["DATABASE_URL"], JOBS)
    else:
        seconds, processor = on_sqlite(folder, JOBS)
    return seconds / JOBS, processor / JOBS


if __name__ == "__main__":
    main()
