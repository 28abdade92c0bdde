"""What the processes of `test_limits.py` run. It must be importable in a spawned child: no Django in here.

Each answers a count, and whether the shared file has been used throughout instead of the process's own memory.
"""

from __future__ import annotations

import threading
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import redis

from apikeys import limits
from apikeys.limits import SqliteLimitStore

REDIS_URL = "redis://127.0.0.1:6379/15"
PATIENT_SECONDS = 30.0  # a machine that is busy with other things must not change what is tested


def hammer(
    together: Barrier, answers: Queue[tuple[int, bool]], path: str, rate: float, burst: int, times: list[float]
) -> None:
    """This will ask once for each of `times` in two threads, and count the calls admitted."""
    limits.BUSY_SECONDS = PATIENT_SECONDS
    store = SqliteLimitStore(Path(path))
    admitted: list[int] = []

    def ask() -> None:
        admitted.append(sum(store.admit("hammered", rate, burst, now).admitted for now in times))

    workers = [threading.Thread(target=ask) for _ in range(2)]
    together.wait(60)
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    answers.put((sum(admitted), store._left_alone_until == 0))
    store.close()


def begin(together: Barrier, answers: Queue[tuple[int, bool]], folder: str, files: int) -> None:
    """This will begin one new file after the other, each at the same moment as the other processes."""
    limits.BUSY_SECONDS = PATIENT_SECONDS
    admitted, shared = 0, True
    for number in range(files):
        store = SqliteLimitStore(Path(folder) / f"{number}.sqlite3")
        together.wait(60)
        admitted += store.admit("begun", 1, 1, 0.0).admitted
        shared = shared and store._left_alone_until == 0
        store.close()
    answers.put((admitted, shared))


def storm(
    together: Barrier, answers: Queue[tuple[int, bool]], prefix: str, rate: float, burst: int, calls: int
) -> None:
    """This will ask Redis so often in each of two threads, without telling it the time."""
    from apikeys.limits import MemoryLimitStore
    from apikeys.shared_limits import SharedLimitStore

    own = MemoryLimitStore()
    # Past the breaker: a machine that is busy with other things must not change what is tested.
    client = redis.Redis.from_url(REDIS_URL, socket_timeout=PATIENT_SECONDS)
    store = SharedLimitStore(client, prefix, own)
    admitted: list[int] = []

    def ask() -> None:
        admitted.append(sum(store.admit("stormed", rate, burst).admitted for _ in range(calls)))

    workers = [threading.Thread(target=ask) for _ in range(2)]
    together.wait(60)
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    answers.put((sum(admitted), not own._buckets))
    client.close()
