"""Worker processes: kept alive, and ended with the process that started them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

import structlog
from django.conf import settings

from jobs.kinds import QUEUES

log = structlog.get_logger("jobs.processes")

RESTART_SECONDS = 1.0
"""Between two starts of one that ends by itself, such as while the database is away."""
KILL_SECONDS = 10.0
"""After the grace that its jobs have."""


class Workers:
    """Starts nothing before the first `keep_up`."""

    def __init__(self, commands: Sequence[Sequence[str]], environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._commands = commands
        self._processes: list[subprocess.Popen[bytes] | None] = [None] * len(commands)
        self._not_before = 0.0

    def keep_up(self) -> None:
        """This will start those that are not running."""
        if time.monotonic() < self._not_before:
            return
        for place, process in enumerate(self._processes):
            if process is not None and process.poll() is None:
                continue
            if process is not None:
                log.warning("worker ended by itself", status=process.returncode)
            self._processes[place] = subprocess.Popen(self._commands[place], env=self._environment)
            self._not_before = time.monotonic() + RESTART_SECONDS

    def tell_to_end(self) -> None:
        for process in self._running():
            process.terminate()

    def wait(self) -> None:
        """This will wait until they have finished or handed back their jobs."""
        give_up_at = time.monotonic() + settings.CONFIG.jobs_grace_seconds + KILL_SECONDS
        for process in self._running():
            try:
                process.wait(max(0.1, give_up_at - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _running(self) -> list[subprocess.Popen[bytes]]:
        return [process for process in self._processes if process is not None and process.poll() is None]


def commands(number: int, queues: Sequence[str] = QUEUES) -> list[list[str]]:
    """This will give what starts so many workers; with Celery each is a process a queue.

    `--parent`: they end with this process, however that ends.
    """
    alone = settings.CONFIG.jobs_engine == "celery"
    portions = [[queue] for queue in queues] if alone else [list(queues)]
    return [_command(portion) for _ in range(number) for portion in portions]


def _command(queues: Sequence[str]) -> list[str]:
    words = [f"--parent={os.getpid()}", f"--queues={','.join(queues)}", f"--settings={settings.SETTINGS_MODULE}"]
    return [sys.executable, "-m", "django", "worker", *words]
