"""How much of this machine a run may take."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

CGROUP: Final = Path("/sys/fs/cgroup/memory.max")
LEAST_MB: Final = 1024.0


def cores() -> int:
    """This will count the cores that this process may use, where the system says which those are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_budget_mb(limit: Path = CGROUP) -> float:
    """This will give half of the memory of the machine or its container, at least 1 GB, for what is decoded at once."""
    most = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):  # no container, or one without a limit ("max")
        most = min(most, int(limit.read_text()))
    return max(LEAST_MB, most / 2 / 2**20)
