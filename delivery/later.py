"""What nobody may wait for: done one after another, in a thread that ends when all is done, and with the process."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

import structlog

log = structlog.get_logger("delivery.later")

Work = Callable[[], object]


class Later:
    def __init__(self, name: str) -> None:
        self._name = name
        self._waiting: deque[Work] = deque()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def do(self, work: Work) -> None:
        with self._lock:
            self._waiting.append(work)
            if self._thread is None or not self._thread.is_alive():  # as in the child of a fork
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return
                work = self._waiting.popleft()
            try:
                work()
            except Exception as error:
                log.warning("not done", name=self._name, error=repr(error)[:200])
