"""Every two seconds a process reads what others have decided: signing keys and purges. Hits never ask the database."""

from __future__ import annotations

import threading

import structlog
from django.db import close_old_connections, connection

from delivery import keyring
from delivery.purge import PurgeReader

log = structlog.get_logger("delivery.pulse")

# Everything must have reached every process within five seconds.
INTERVAL_SECONDS = 2.0


class Pulse:
    """One beat: read keys and purges. While the database is away, what was last read goes on counting."""

    def __init__(self) -> None:
        self._purges: PurgeReader | None = None

    def beat(self) -> None:
        try:
            close_old_connections()
            keyring.refresh()
            if self._purges is None:
                self._purges = PurgeReader()
            self._purges.apply()
        except Exception as error:
            log.warning("pulse failed", error=repr(error)[:200])
            connection.close()


def start() -> None:
    """This will beat once and go on in a thread that ends with the process."""
    pulse = Pulse()
    pulse.beat()

    def run() -> None:
        pause = threading.Event()
        while True:
            pause.wait(INTERVAL_SECONDS)
            pulse.beat()

    threading.Thread(target=run, name="imgopt-pulse", daemon=True).start()
