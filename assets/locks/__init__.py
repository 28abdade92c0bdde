"""Who may do a thing alone: among the processes of a machine by a lock on a file, among machines by one in Redis.

A file's lock is let go of by the kernel when its holder dies. Redis's ends by itself unless it is renewed, so that its
holder may have lost it without knowing: it has a *lease*, with a number that only grows, and what it writes is compared
with the newest number at the moment of writing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """What the holder of a lock shows where it writes."""

    name: str
    fence: int | None = None
    """`None`: of this machine only, because there is no Redis, or none that answers."""
    fence_key: str = ""
    """Where Redis has the newest number."""
    is_lost: Callable[[], bool] = lambda: False
    """Whether somebody else has come after us. It asks Redis: for the moment before a write elsewhere."""
