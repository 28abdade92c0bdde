"""`python -m benchmarks [name …]`: all benchmarks, or the named ones, one after another."""

from __future__ import annotations

import argparse
import importlib
import signal
import sys

NAMES = (
    "warm_hits",
    "hits_under_load",
    "cold_renders",
    "first_byte",
    "single_flight",
    "peak_memory",
    "markup",
    "ladder_one_decode",
    "receipts",
    "autoquality",
    "equal_quality",
    "target_bytes",
    "job_latency",
    "jobs_per_second",
    "stack",
    "shared_tier",
    "s3",
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"any of {', '.join(NAMES)}; none: all")
    names = parser.parse_args().names or NAMES
    unknown = set(names) - set(NAMES)
    if unknown:
        parser.error(f"Expected names out of {', '.join(NAMES)}, received {', '.join(sorted(unknown))}.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))  # so that servers are ended too
    for name in names:
        importlib.import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
