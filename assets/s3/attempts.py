"""Calls of S3: tried again with jitter while their time lasts, and not begun while S3 is known to be away.

botocore's own retries wait up to a second before the first, and know neither a time for the whole nor a body that
breaks off; so they are off.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

import structlog
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectionError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    IncompleteReadError,
    ReadTimeoutError,
)
from django.conf import settings

from pipeline import spans

log = structlog.get_logger("assets.s3")
T = TypeVar("T")

CONNECT_SHARE: Final = 0.2
READ_SHARE: Final = 0.4
"""Of a call's time, what a connection and what each piece of an answer may take: room for a second attempt."""
PAUSE_SECONDS: Final = 0.05
"""Before the second attempt up to this, at random; before each further one up to four times as much."""
REST_SECONDS: Final = 2.0
AWAY: Final = (EndpointConnectionError, ConnectTimeoutError, ReadTimeoutError, ConnectionClosedError)
BROKEN: Final = (ConnectionError, HTTPClientError, IncompleteReadError)
SLOW_DOWN: Final = frozenset({"SlowDown", "Throttling", "RequestTimeout", "RequestLimitExceeded", "TooManyRequests"})


class S3Resting(Exception):
    """S3 did not answer a moment ago, so it is not asked."""


class Rest:
    """Keeps callers from an S3 that hangs or refuses: after a call that failed so, one caller at a time tries it.

    Otherwise each cold request would wait for its time limit, and those that wait would take all places.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: float | None = None
        self._lock = threading.Lock()

    def admit(self, seconds: float) -> None:
        """This will return, or raise `S3Resting`. Who is let through has `seconds` to tell what came of it."""
        if self._until is None:
            return
        with self._lock:
            if self._until is None:
                return
            if self._clock() < self._until:
                raise S3Resting
            self._until = self._clock() + seconds

    def failed(self) -> None:
        with self._lock:
            self._until = self._clock() + REST_SECONDS

    def worked(self) -> None:
        self._until = None


REST = Rest()


def is_absent(error: Exception) -> bool:
    """Whether S3 says that there is no such object; a bucket that is not there is no answer to that."""
    return isinstance(error, ClientError) and status_of(error) == 404 and code_of(error) != "NoSuchBucket"


def status_of(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def tried(
    call: Callable[[], T],
    *,
    seconds: float | None = None,
    always: bool = False,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """This will give what `call` gives, after at most `IMGOPT_S3_ATTEMPTS` attempts within `seconds`.

    `always` is for what must be tried although S3 did not answer a moment ago. Raises what the last attempt raised,
    or `S3Resting`.
    """
    config = settings.CONFIG
    seconds = seconds or config.s3_timeout_seconds
    if not always:
        REST.admit(seconds)
    begun = clock()
    for attempt in range(1, config.s3_attempts + 1):
        try:
            with spans.span("s3", {"imgopt.attempt": attempt}):
                found = call()
        except (*BROKEN, ClientError) as error:
            if isinstance(error, ClientError) and not _may_pass(error):
                REST.worked()
                raise
            pause = random.uniform(0, PAUSE_SECONDS * 4 ** (attempt - 1))  # noqa: S311
            longest = READ_SHARE * config.s3_timeout_seconds if isinstance(error, AWAY) else 0
            if attempt == config.s3_attempts or clock() - begun + pause + longest > seconds:
                if isinstance(error, AWAY) and not always:
                    REST.failed()
                raise
            log.info("S3 is asked again", attempt=attempt, error=repr(error)[:200])
            sleep(pause)
        else:
            REST.worked()
            return found
    raise AssertionError("unreachable")


def _may_pass(error: ClientError) -> bool:
    status = status_of(error)
    return (status >= 500 and status != 501) or status == 429 or code_of(error) in SLOW_DOWN
