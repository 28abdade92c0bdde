"""Limits shared by all processes of a machine: how full each bucket is, kept where every process sees it.

`LimitStore` is the protocol; `SqliteLimitStore` is the one of the embedded shape, `MemoryLimitStore` counts in one
process and stands in when the file cannot be used. That of all machines is in `apikeys.shared_limits`.

A broken or locked file neither lets everything through nor turns everybody away: limits then hold per process until
the file works again. Closed would be an outage for holders of right keys because of a file that guards no secret (256
random bits cannot be guessed at any rate); open would lift the limit on logins, where passwords can.
"""

from __future__ import annotations

import fcntl
import math
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from apikeys.gcra import NANO, Decision, Limit, decide

log = structlog.get_logger(__name__)

BUSY_SECONDS = 0.5
LEFT_ALONE_SECONDS = 5.0
PRUNE_EVERY_SECONDS = 60.0
MAX_BUCKETS_IN_MEMORY = 100_000
DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

# WAL and no fsync: what a power cut could lose is a minute of counting. A damaged file is made anew.
PREPARE = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=OFF",
    "CREATE TABLE IF NOT EXISTS buckets (bucket TEXT PRIMARY KEY, full_at_ns INTEGER NOT NULL) WITHOUT ROWID",
)
GET = "SELECT full_at_ns FROM buckets WHERE bucket = ?"
PUT = "INSERT INTO buckets VALUES (?, ?) ON CONFLICT (bucket) DO UPDATE SET full_at_ns = excluded.full_at_ns"
PRUNE = "DELETE FROM buckets WHERE full_at_ns < ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    admitted: bool
    retry_after_seconds: float
    """0 when admitted."""


class LimitStore(Protocol):
    def admit(self, bucket: str, rate: float, burst: int, now: float | None = None) -> Verdict:
        """This will count one call against a bucket of `burst` calls refilled with `rate` a second.

        `now` is seconds since 1970, and the clock's when left out. `ValueError` for limits that are no limits.
        """


class MemoryLimitStore:
    """Counts within one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._buckets: dict[str, int] = {}

    def admit(self, bucket: str, rate: float, burst: int, now: float | None = None) -> Verdict:
        limit = Limit(rate=rate, burst=burst)
        with self._lock:
            now_ns = _now_ns(now)
            decision = decide(limit, self._buckets.get(bucket), now_ns)
            self._make_room(now_ns)
            self._buckets[bucket] = decision.full_at_ns
        return _verdict(decision)

    def _make_room(self, now_ns: int) -> None:
        if len(self._buckets) < MAX_BUCKETS_IN_MEMORY:
            return
        self._buckets = {name: full_at for name, full_at in self._buckets.items() if full_at > now_ns}
        if len(self._buckets) >= MAX_BUCKETS_IN_MEMORY:
            self._buckets.clear()  # forgetting is better than growing without end


class SqliteLimitStore:
    """Counts over all processes that name the same file. One connection a process; made to survive fork and spawn."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None
        self._inode: tuple[int, int] | None = None
        self._prune_at_ns = 0
        self._start_anew()
        _stores.add(self)

    def admit(self, bucket: str, rate: float, burst: int, now: float | None = None) -> Verdict:
        limit = Limit(rate=rate, burst=burst)
        with self._lock:
            if time.monotonic() >= self._left_alone_until:
                try:
                    return self._admit(bucket, limit, now)
                except (sqlite3.Error, OSError) as error:
                    self._leave_alone(error)
        return self._fallback.admit(bucket, rate, burst, now)

    def close(self) -> None:
        with self._lock:
            self._disconnect()

    def __del__(self) -> None:
        self._disconnect()  # Python 3.13 warns of connections that nobody closed

    def _admit(self, bucket: str, limit: Limit, now: float | None) -> Verdict:
        connection = self._connect()
        # What is remembered only moves on, so a refusal read without the write lock is a true one: a caller who
        # hammers a spent bucket does not hold up the others.
        full_at_ns = _get(connection, bucket)
        decision = decide(limit, full_at_ns, _now_ns(now))
        if decision.wait_ns and decision.full_at_ns == full_at_ns:
            return _verdict(decision)
        with _write(connection):
            now_ns = _now_ns(now)  # read inside the lock, so that times come in the order of the calls
            decision = decide(limit, _get(connection, bucket), now_ns)
            connection.execute(PUT, (bucket, decision.full_at_ns))
            if now_ns >= self._prune_at_ns:
                connection.execute(PRUNE, (now_ns,))
                self._prune_at_ns = now_ns + int(PRUNE_EVERY_SECONDS * NANO)
        return _verdict(decision)

    def _connect(self) -> sqlite3.Connection:
        if self._connection is not None and self._inode == _inode(self.path):
            return self._connection
        # Not there yet, or somebody deleted or replaced the file: count where all others count.
        self._disconnect()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            with _only_process(self.path):  # two that switch a new file to WAL at once do not wait, one fails
                for statement in PREPARE:
                    connection.execute(statement)
        except BaseException:
            connection.close()
            raise
        self._connection, self._inode = connection, _inode(self.path)
        return connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _leave_alone(self, error: Exception) -> None:
        self._left_alone_until = time.monotonic() + LEFT_ALONE_SECONDS
        log.error("limits hold per process, their file cannot be used", path=str(self.path), reason=str(error))
        if getattr(error, "sqlite_errorcode", None) in DAMAGED:
            self._disconnect()
            _remove_damaged(self.path)
            self._left_alone_until = 0.0

    def _start_anew(self) -> None:
        """In the child of a fork too: neither locks nor SQLite's connections survive one."""
        if self._connection is not None:
            _abandoned.append(self._connection)
        self._connection = None
        self._inode = None
        self._lock = threading.Lock()
        self._fallback = MemoryLimitStore()
        self._left_alone_until = 0.0


_stores: weakref.WeakSet[SqliteLimitStore] = weakref.WeakSet()
# Kept, not closed: closing in the child what the parent has open is what SQLite warns of.
_abandoned: list[sqlite3.Connection] = []


def _after_fork() -> None:
    for store in _stores:
        store._start_anew()


os.register_at_fork(after_in_child=_after_fork)


@contextmanager
def _write(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.execute("COMMIT")


def _get(connection: sqlite3.Connection, bucket: str) -> int | None:
    row = connection.execute(GET, (bucket,)).fetchone()
    return None if row is None else int(row[0])


@contextmanager
def _only_process(path: Path) -> Iterator[None]:
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remove_damaged(path: Path) -> None:
    """Looks again under the lock: another process may have made the file anew meanwhile."""
    with _only_process(path):
        if _is_damaged(path):
            for name in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
                name.unlink(missing_ok=True)


def _is_damaged(path: Path) -> bool:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS)
    try:
        return bool(connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok")
    except sqlite3.DatabaseError as error:
        return getattr(error, "sqlite_errorcode", None) in DAMAGED
    finally:
        connection.close()


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _now_ns(now: float | None) -> int:
    return time.time_ns() if now is None else math.floor(now * NANO)


def _verdict(decision: Decision) -> Verdict:
    return Verdict(admitted=decision.wait_ns == 0, retry_after_seconds=decision.wait_ns / NANO)
