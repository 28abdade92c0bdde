"""What the processes of `test_limits.py` run. It must be importable in a spawned child: no Django in here."""

from __future__ import annotations

import threading
from pathlib import Path

from apikeys.limits import SqliteLimitStore


def hammer(path: str, *, rate: float, burst: int, times: list[float], threads: int = 1) -> int:
    """This will ask once for each of `times` in every thread, and give how many calls were admitted."""
    store = SqliteLimitStore(Path(path))
    admitted: list[int] = []

    def ask() -> None:
        admitted.append(sum(store.admit("hammered", rate, burst, now).admitted for now in times))

    workers = [threading.Thread(target=ask) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    store.close()
    return sum(admitted)
