"""What an origin was just asked for in vain, so that a page full of missing pictures does not ask it each time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from assets.errors import StorageFull, StorageUnavailable
from assets.origins.errors import OriginTimeout, OriginUnavailable
from pipeline.errors import Busy, ImgoptError

KEEP_SECONDS = 30.0
KEEP_FAILURE_SECONDS = 5.0
"""Of an origin that could not be asked; as long as its Retry-After."""
MAX_PATHS = 10_000
OUR_OWN = (Busy, StorageFull, StorageUnavailable)
"""Say nothing about the origin."""


class Absent:
    """Remembers errors by origin and path, for this process and a short time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._errors: dict[tuple[str, str], tuple[ImgoptError, float]] = {}
        self._lock = threading.Lock()

    def check(self, origin: str, path: str) -> None:
        """This will raise what the last attempt raised."""
        error, until = self._errors.get((origin, path), (None, 0.0))
        if error is not None and self._clock() < until:
            raise type(error)(error.message)

    def note(self, origin: str, path: str, error: ImgoptError) -> None:
        if isinstance(error, OUR_OWN):
            return
        seconds = KEEP_FAILURE_SECONDS if isinstance(error, OriginUnavailable | OriginTimeout) else KEEP_SECONDS
        with self._lock:
            if len(self._errors) >= MAX_PATHS:
                self._errors.clear()
            self._errors[origin, path] = (error, self._clock() + seconds)

    def forget(self) -> None:
        with self._lock:
            self._errors.clear()


ABSENT = Absent()
