"""Limits shared by all machines: the buckets lie in Redis, which counts by its own clock.

The arithmetic is that of `apikeys.gcra`, in whole nanoseconds. Lua counts exactly up to 2^53 only, three months of
nanoseconds, so a time is two numbers here: seconds and nanoseconds.
"""

from __future__ import annotations

import math
from typing import Any, Final

from redis import RedisError

from apikeys.gcra import CLOCK_SLACK_NS, NANO, Limit
from apikeys.limits import LimitStore, Verdict

GCRA: Final = """
local function sum(a, b)
  local s, n = a[1] + b[1], a[2] + b[2]
  if n >= 1000000000 then return {s + 1, n - 1000000000} end
  return {s, n}
end
local function difference(a, b)
  local s, n = a[1] - b[1], a[2] - b[2]
  if n < 0 then return {s - 1, n + 1000000000} end
  return {s, n}
end
local function later(a, b)
  return a[1] > b[1] or (a[1] == b[1] and a[2] > b[2])
end
local function pair(at) return {tonumber(ARGV[at]), tonumber(ARGV[at + 1])} end

local interval, horizon, slack = pair(1), pair(3), pair(5)
local now
if ARGV[7] ~= '' then
  now = pair(7)
else
  local time = redis.call('TIME')
  now = {tonumber(time[1]), time[2] * 1000}
end

local known = redis.call('GET', KEYS[1])
local full_at
if known then
  local s, n = string.match(known, '^(%d+) (%d+)$')
  if s then full_at = {tonumber(s), tonumber(n)} end
end
local start = now
if full_at and later(full_at, now) then start = full_at end
local furthest = sum(now, horizon)
if later(start, sum(furthest, slack)) then start = furthest end
local after = sum(start, interval)
local refused = later(after, furthest)
local kept = after
if refused then
  kept = start
  if full_at and later(start, full_at) then kept = full_at end
end
if not (full_at and kept[1] == full_at[1] and kept[2] == full_at[2]) then
  -- Kept for a minute longer than it says anything, for a clock that is set back.
  local left = math.max(0, kept[1] - now[1]) + slack[1] + 1
  redis.call('SET', KEYS[1], string.format('%.0f %.0f', kept[1], kept[2]), 'EX', string.format('%.0f', left))
end
if not refused then return {0, 0} end
return difference(after, furthest)
"""


class SharedLimitStore:
    """Counts over all machines. While Redis is away each machine counts by itself, and so in `fallback`."""

    def __init__(self, client: Any, prefix: str, fallback: LimitStore) -> None:
        self._gcra = client.register_script(GCRA)
        self._prefix = prefix
        self._fallback = fallback

    def admit(self, bucket: str, rate: float, burst: int, now: float | None = None) -> Verdict:
        limit = Limit(rate=rate, burst=burst)
        moment = ("", "") if now is None else divmod(math.floor(now * NANO), NANO)
        spans = (limit.interval_ns, limit.interval_ns * limit.burst, CLOCK_SLACK_NS)
        try:
            seconds, nanoseconds = self._gcra(
                keys=[f"{self._prefix}:limit:{bucket}"],
                args=[*(part for span in spans for part in divmod(span, NANO)), *moment],
            )
        except RedisError:
            return self._fallback.admit(bucket, rate, burst, now)
        wait_ns = seconds * NANO + nanoseconds
        return Verdict(admitted=wait_ns == 0, retry_after_seconds=wait_ns / NANO)
