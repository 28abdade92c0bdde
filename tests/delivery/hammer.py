"""What other processes do in the tests of the machine's lock."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from assets.locks.machine import machine_lock


def count(folder: str, times: int) -> None:
    """This will raise a counter so many times, by reading and writing it; two at once would be seen."""
    counter, occupied = Path(folder, "counter"), Path(folder, "occupied")
    for _ in range(times):
        with machine_lock(Path(folder, "locks", "key"), 60):
            os.close(os.open(occupied, os.O_CREAT | os.O_EXCL))
            counter.write_text(str(int(counter.read_text()) + 1))
            occupied.unlink()


def hold(path: str) -> None:
    """This will take the lock, say so, and keep it until standard input ends."""
    with machine_lock(Path(path), 10):
        sys.stdout.write("held\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    if sys.argv[1] == "count":
        count(sys.argv[2], int(sys.argv[3]))
    else:
        hold(sys.argv[2])
