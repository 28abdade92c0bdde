"""Every two seconds a process reads what others have decided (signing keys, presets, purges), and writes down what it
has rendered. Hits never ask the database. Purges come sooner where there is a Redis: see `delivery.broadcast`."""

from __future__ import annotations

import threading
from multiprocessing.util import Finalize

import structlog
from django.db import close_old_connections, connection

from delivery import broadcast, keyring, presets
from delivery.purge import PurgeReader, forget_here, repeat_in_redis
from delivery.records import RECORDS

log = structlog.get_logger("delivery.pulse")

# Everything must have reached every process within five seconds.
INTERVAL_SECONDS = 2.0


class Pulse:
    """One beat. While the database is away, what was last read goes on counting, and what is to be written waits."""

    def __init__(self) -> None:
        self._purges: PurgeReader | None = None

    def beat(self) -> None:
        try:
            close_old_connections()
            keyring.refresh()
            presets.refresh()
            if self._purges is None:
                self._purges = PurgeReader()
            self._purges.apply()
            repeat_in_redis()
            RECORDS.flush()
        except Exception as error:
            log.warning("pulse failed", error=repr(error)[:200])
            connection.close()


def start() -> None:
    """This will beat once and go on in a thread that ends with the process."""
    pulse = Pulse()
    pulse.beat()
    broadcast.listen(forget_here)

    def run() -> None:
        pause = threading.Event()
        while True:
            pause.wait(INTERVAL_SECONDS)
            pulse.beat()

    threading.Thread(target=run, name="imgopt-pulse", daemon=True).start()
    # Not `atexit`: Granian forks its workers, and a forked child of multiprocessing ends without it.
    Finalize(None, write_down, exitpriority=0)


def write_down() -> None:
    """This will write what the last beat has left, as the process ends."""
    try:
        RECORDS.flush()
    except Exception as error:
        log.warning("renders not written down", error=repr(error)[:200])
    finally:
        connection.close()
