"""Purges told to all processes at once, through Redis.

The rows in the database stay the truth, and every process reads them with its next pulse: what is told here only comes
sooner, and whoever misses it has missed two seconds. Where there is no Redis nothing is told and nobody listens.
"""

from __future__ import annotations

import json
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import structlog
from django.conf import settings

log = structlog.get_logger("delivery.broadcast")

_STARTED: Final = uuid.uuid4().hex
WAIT_SECONDS: Final = 1.0
QUIET_SECONDS: Final = 10.0
"""A connection over which nothing has come for so long is asked for a sign of life, and then given up."""
RETRY_SECONDS: Final = 1.0

Hear = Callable[[list[uuid.UUID], list[str]], None]


def tell(master_ids: Iterable[uuid.UUID], digests: Sequence[str]) -> None:
    """This will tell all other processes to forget. Redis's failures are counted where they happen, and no more."""
    if not settings.CONFIG.redis_url:
        return
    from django_redis import get_redis_connection
    from redis import RedisError

    message = {"from": _own(), "masters": [str(master_id) for master_id in master_ids], "digests": list(digests)}
    try:
        get_redis_connection("shared").publish(channel(), json.dumps(message))
    except RedisError:
        return


def channel() -> str:
    return f"{settings.CONFIG.redis_prefix}:purges"


class Listener:
    """Hears what others tell, and connects again whenever that ends."""

    def __init__(self, hear: Hear) -> None:
        self._hear = hear
        self._ending = threading.Event()
        self._hears = True

    def run(self) -> None:
        from django_redis import get_redis_connection

        client = get_redis_connection("shared")
        while not self._ending.is_set():
            try:
                if not client.connection_pool.breaker.is_resting:
                    self._listen(client)
            except Exception as error:  # Redis's, or of what was heard: the rows in the database say it again
                if self._hears:
                    log.warning("purges not heard", error=repr(error)[:200])
                self._hears = False
            self._ending.wait(RETRY_SECONDS)

    def end(self) -> None:
        self._ending.set()

    def _listen(self, client: Any) -> None:
        with client.pubsub() as subscription:
            subscription.subscribe(channel())
            heard_at = asked_at = time.monotonic()
            while not self._ending.is_set():
                message = subscription.get_message(timeout=WAIT_SECONDS)
                now = time.monotonic()
                if message is not None:
                    heard_at, self._hears = now, True
                    if message["type"] == "message":
                        self._take(message["data"])
                elif now - heard_at > 2 * QUIET_SECONDS:
                    raise TimeoutError("nothing was heard, not even an answer")
                elif now - heard_at > QUIET_SECONDS and now - asked_at > QUIET_SECONDS:
                    subscription.ping()
                    asked_at = now

    def _take(self, data: Any) -> None:
        """Whoever may write to Redis may tell anything; what is no purge is nothing."""
        try:
            message = json.loads(data)
            sender, digests = message["from"], [str(digest) for digest in message["digests"]]
            master_ids = [uuid.UUID(text) for text in message["masters"]]
        except (ValueError, TypeError, KeyError, AttributeError):
            log.warning("not a purge", size=len(data))
            return
        if sender != _own():
            self._hear(master_ids, digests)


def _own() -> str:
    """This process, and none of its forks."""
    return f"{_STARTED}:{os.getpid()}"


def listen(hear: Hear) -> None:
    """This will listen in a thread that ends with the process, where there is a Redis."""
    if settings.CONFIG.redis_url:
        threading.Thread(target=Listener(hear).run, name="imgopt-purges", daemon=True).start()
