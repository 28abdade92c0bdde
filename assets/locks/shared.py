"""Locks among machines, in Redis: with a token, a time to live that is renewed, and a number that only grows.

A lock makes work single; it keeps nothing right. Where Redis is away, or a holder does not come to an end, the work is
done twice. What keeps a sleeper from overwriting what came after it is the number (the fence).
"""

from __future__ import annotations

import random
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from redis import RedisError

from assets.locks import Lease

log = structlog.get_logger("assets.locks")

TTL_SECONDS: Final = 5.0
"""So long others wait for a holder that was killed. A thread that renews may be late by as much on a busy machine."""
BEAT_SECONDS: Final = TTL_SECONDS / 4
REMEMBERED_SECONDS: Final = 3600
"""So long Redis knows the newest fence of a name; an older lease than that is lost."""
FIRST_POLL_SECONDS: Final = 0.005
LAST_POLL_SECONDS: Final = 0.05

# The fence is Redis's time in microseconds, and at least one more than the last: after a flush it goes on growing,
# where a counter would begin again and lock out the newer holders. 2^53, up to which Lua counts exactly, is reached in
# the year 2255.
ACQUIRE: Final = """
if redis.call('EXISTS', KEYS[1]) == 1 then return false end
local time = redis.call('TIME')
local fence = math.max(time[1] * 1000000 + time[2], tonumber(redis.call('GET', KEYS[2]) or 0) + 1)
fence = string.format('%.0f', fence)
redis.call('SET', KEYS[2], fence, 'PX', ARGV[3])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return fence
"""
# A lock that is gone (flushed, or we were late) is ours again if nobody has come after us.
RENEW: Final = """
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then return 0 end
local last = redis.call('GET', KEYS[2])
if last and last ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[4])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
return 1
"""
RELEASE: Final = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"
IS_LAST: Final = """
local last = redis.call('GET', KEYS[1])
if last then return last == ARGV[1] and 1 or 0 end
local time = redis.call('TIME')
return time[1] * 1000000 + time[2] - ARGV[1] < ARGV[2] * 1000 and 1 or 0
"""


@dataclass(slots=True, kw_only=True)
class _Held:
    """A lock that this process holds."""

    token: str
    lock_key: str
    fence_key: str
    fence: int
    tended_at: float = field(default_factory=time.monotonic)
    """When it was last tried to renew it."""


class SharedLocks:
    """The locks of this process among those of all machines."""

    def __init__(self, client: Any, prefix: str) -> None:
        self._prefix = prefix
        self._acquire, self._renew, self._release, self._is_last = (
            client.register_script(text) for text in (ACQUIRE, RENEW, RELEASE, IS_LAST)
        )
        self._held: dict[tuple[str, int | None], _Held] = {}
        self._lock = threading.Lock()
        self._heart: threading.Thread | None = None

    def acquire(self, name: str, wait_seconds: float) -> Lease:
        """This will wait for the lock and take it.

        After `wait_seconds`, or where Redis does not answer, the lease has no fence: do the work all the same.
        """
        give_up_at = time.monotonic() + wait_seconds
        held = _Held(
            token=secrets.token_hex(16),
            lock_key=f"{self._prefix}:lock:{name}",
            fence_key=f"{self._prefix}:fence:{name}",
            fence=0,
        )
        pause = FIRST_POLL_SECONDS
        while True:
            try:
                fence = self._acquire(
                    keys=[held.lock_key, held.fence_key],
                    args=[held.token, _milliseconds(TTL_SECONDS), _milliseconds(REMEMBERED_SECONDS)],
                )
            except RedisError:  # counted where it was raised
                return Lease(name=name)
            if fence is not None:
                held.fence, held.tended_at = int(fence), time.monotonic()
                return self._keep(name, held)
            if time.monotonic() >= give_up_at:
                log.warning("another machine does not come to an end", name=name)
                return Lease(name=name)
            time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311  nothing secret: waiters must not march in step
            pause = min(pause * 2, LAST_POLL_SECONDS)

    def release(self, lease: Lease) -> None:
        """This will let go of the lock, if it is still ours."""
        with self._lock:
            held = self._held.pop((lease.fence_key, lease.fence), None)
        if held is None:
            return
        try:
            self._release(keys=[held.lock_key], args=[held.token])
        except RedisError:
            return  # it ends by itself

    def beat(self) -> None:
        """This will renew what is held."""
        with self._lock:
            all_held = list(self._held.values())
        for held in all_held:
            # Who slept through a whole life of its lock does not say "here" again: it is asked about at the next write.
            if self._slept(held):
                continue
            held.tended_at = time.monotonic()
            try:
                self._renew(
                    keys=[held.lock_key, held.fence_key],
                    args=[held.token, held.fence, _milliseconds(TTL_SECONDS), _milliseconds(REMEMBERED_SECONDS)],
                )
            except RedisError:
                continue  # the next beat tries again

    def _keep(self, name: str, held: _Held) -> Lease:
        with self._lock:
            if self._heart is None or not self._heart.is_alive():  # as in the child of a fork
                self._heart = threading.Thread(target=self._run, name="imgopt-locks", daemon=True)
                self._heart.start()
            self._held[held.fence_key, held.fence] = held  # last: of what fails here nothing is renewed for ever
        return Lease(name=name, fence=held.fence, fence_key=held.fence_key, is_lost=lambda: self._is_lost(held))

    def _run(self) -> None:
        """This will beat for as long as anything is held."""
        pause = threading.Event()
        while True:
            pause.wait(BEAT_SECONDS)
            with self._lock:
                if not self._held:
                    self._heart = None
                    return
            self.beat()

    def _is_lost(self, held: _Held) -> bool:
        """Where Redis does not answer nobody gets the lock there, and only who slept may have lost it before."""
        try:
            return not self._is_last(keys=[held.fence_key], args=[held.fence, _milliseconds(REMEMBERED_SECONDS)])
        except RedisError:
            return self._slept(held)

    @staticmethod
    def _slept(held: _Held) -> bool:
        return time.monotonic() - held.tended_at > TTL_SECONDS


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
