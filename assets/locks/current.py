"""The locks among machines that the settings ask for."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from assets.locks.shared import SharedLocks


def shared_locks() -> SharedLocks | None:
    """This will give the locks of all machines; `None`: there is one machine."""
    config = settings.CONFIG
    return _shared_locks(config.redis_url, config.redis_prefix) if config.redis_url else None


@cache
def _shared_locks(_url: str, prefix: str) -> SharedLocks:
    # To import Redis's client takes a quarter of a second, which the embedded shape has no use for.
    from django_redis import get_redis_connection

    from assets.locks.shared import SharedLocks

    return SharedLocks(get_redis_connection("shared"), prefix)
