"""`python -m tests.jobs.soak [times] [place …]`: workers are killed in the midst of 300 jobs, again and again.

`make soak-jobs` runs it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.jobs.crew import PLACES, Crew, crew

JOBS = 300


def lose_a_worker(workers: Crew) -> tuple[int, int]:
    """Two workers, 300 jobs, one worker killed in the middle of some: how many it held, and how many ran again."""
    workers.ask("enqueue", number=JOBS, seconds=0.03)
    lost, _other = workers.hire(), workers.hire()
    workers.wait_for(10, "done")
    held = workers.kill_holding(lost)
    workers.wait_for_ends(JOBS)
    again = [job for job in workers.check_each_has_one_result(JOBS) if job["attempts"] > 1]
    return held, len(again)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.jobs.soak", description=__doc__)
    parser.add_argument("times", nargs="?", type=int, default=10)
    parser.add_argument("places", nargs="*", metavar="place", help=f"any of {', '.join(PLACES)}; none: all")
    options = parser.parse_args()
    failed = 0
    for name in options.places or PLACES:
        for time_number in range(1, options.times + 1):
            began = time.monotonic()
            with tempfile.TemporaryDirectory(prefix="imgopt-soak-") as folder, crew(name, Path(folder)) as workers:
                try:
                    held, again = lose_a_worker(workers)
                    told = f"{JOBS} jobs, each one result; {held} held at the kill, {again} run again"
                except AssertionError as error:
                    failed += 1
                    told = f"FAILED: {error}"
            print(f"{name} {time_number}/{options.times}: {told}; {time.monotonic() - began:.1f} s", flush=True)
    sys.exit(f"{failed} runs failed" if failed else 0)


if __name__ == "__main__":
    main()
