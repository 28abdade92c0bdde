"""Waiting for a state: generously, for a machine may be busy, and never for longer than it takes."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_SECONDS = 90.0
LOOK_SECONDS = 0.05


def wait_until(is_so: Callable[[], object], what: str = "it", *, seconds: float = PATIENCE_SECONDS) -> None:
    give_up_at = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < give_up_at, f"{what}: not within {seconds} s"
        time.sleep(LOOK_SECONDS)
