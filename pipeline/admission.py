"""Who may render now: a first-come-first-served queue, weighed by the memory a render needs.

Four AVIF masters of 40 megapixels decoded at once need 2.5 GB; four baseline JPEGs of that size need almost
nothing, because libvips shrinks them while it reads; and what is made of any of them may have 40 megapixels again. So a
place is weighed in megabytes, not counted.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from pipeline.errors import Busy
from pipeline.footprint import MOVING, footprint_mb
from pipeline.request import RenderRequest
from pipeline.source import SourceInfo

BASE_MB = 40.0
"""What any render needs besides its source and its result."""

MB_PER_MEGAPIXEL: dict[str, float] = {
    "avif": 16.0,
    "bmp": 14.0,
    "ico": 14.0,
    "webp": 8.0,
    "gif": 6.0,
    "tiff": 4.0,
    "png": 4.0,
    "jpeg": 0.5,
}
"""What a child grew by at 12 megapixels, the file's own bytes included, over inspecting and rendering."""
INTERLACED_MB_PER_MEGAPIXEL = 7.0
"""A progressive JPEG or an interlaced PNG is complete only at its last byte, so all of it is held: 3.7 MB a megapixel
for a JPEG with halved chroma, 6.7 for one with full chroma."""
HELD_MEGABYTES = 300.0
"""The most that a source's pixels may take which are kept to make many renditions of them: just what a JPEG of 100
megapixels takes in RGB."""
HELD_MB_PER_MEGAPIXEL: dict[str, float] = {"png": 8.0, "tiff": 8.0}
"""Where it is not 4, one byte a band: these may have sixteen bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """What is known of a source's size before it is decoded."""

    format: str
    width: int
    height: int
    """Of one page, upright."""
    pages: int = 1
    """Those that are decoded."""
    interlaced: bool = False
    has_alpha: bool = False
    beside: Weight | None = None
    """What is decoded in the same render: a watermark."""

    @classmethod
    def of(cls, info: SourceInfo) -> Weight:
        return cls(
            format=info.format,
            width=info.width,
            height=info.height,
            pages=info.pages,
            interlaced=info.interlaced,
            has_alpha=info.has_alpha,
        )

    @property
    def megapixels(self) -> float:
        """Of all pages together."""
        return self.width * self.height * self.pages / 1e6

    @property
    def megabytes(self) -> float:
        """This will estimate the peak memory of decoding.

        >>> Weight(format="avif", width=4000, height=3000).megabytes
        232.0
        """
        per_megapixel = MB_PER_MEGAPIXEL[self.format]
        if self.interlaced:
            per_megapixel = max(per_megapixel, INTERLACED_MB_PER_MEGAPIXEL)
        beside = 0 if self.beside is None else self.beside.megabytes - BASE_MB
        return BASE_MB + per_megapixel * self.megapixels + beside

    def megabytes_of(self, request: RenderRequest, *, measure: bool = False) -> float:
        """This will estimate the peak memory of one render."""
        return self.megabytes + self._footprint_mb(request, measured=measure)

    def megabytes_of_many(self, requests: Sequence[RenderRequest], *, threads: int, measure: bool = False) -> float:
        """This will estimate the same for many renditions made together: the decoded source may be kept beside them,
        and each thread writes a picture of its own."""
        held = min(HELD_MEGABYTES, HELD_MB_PER_MEGAPIXEL.get(self.format, 4.0) * self.megapixels)
        written = max(self._footprint_mb(request, measured=measure) for request in requests)
        return self.megabytes + held + (threads - 1) * BASE_MB + threads * written

    def _footprint_mb(self, request: RenderRequest, *, measured: bool = False) -> float:
        moves = self.format in MOVING and request.format in MOVING and request.spec.page is None
        return footprint_mb(
            request,
            width=self.width,
            height=self.height,
            has_alpha=self.has_alpha,
            frames=self.pages if moves else 1,
            measured=measured,
        )


@dataclass(slots=True, eq=False)
class _Waiter:
    megabytes: float
    admitted: bool = False
    called: threading.Event = field(default_factory=threading.Event)
    """Set when its turn has come, or when the queue is closed."""


class Admission:
    """A weighted semaphore that serves strictly in order of arrival.

    Nobody overtakes, so a heavy render cannot starve behind a stream of light ones; the price is that light ones
    wait while it waits. A render heavier than the whole budget is admitted when nothing else runs.
    """

    def __init__(self, *, places: int, budget_mb: float, queue_limit: int, wait_seconds: float) -> None:
        self._places = places
        self._budget_mb = budget_mb
        self._queue_limit = queue_limit
        self._wait_seconds = wait_seconds
        self._lock = threading.Lock()
        self._queue: deque[_Waiter] = deque()
        self._running = 0
        self._used_mb = 0.0
        self._closed = False

    @property
    def running(self) -> int:
        return self._running

    @property
    def waiting(self) -> int:
        return len(self._queue)

    @contextmanager
    def enter(self, megabytes: float) -> Iterator[None]:
        """This will wait for a place and hold it.

        Raises `Busy` at once when the queue is full or closed, and later when the wait was too long.
        """
        weight = min(megabytes, self._budget_mb)
        self._acquire(weight)
        try:
            yield
        finally:
            self._release(weight)

    def close(self) -> None:
        """This will turn away everybody who waits and everybody who comes."""
        with self._lock:
            self._closed = True
            for waiter in self._queue:
                waiter.called.set()

    def _acquire(self, weight: float) -> None:
        with self._lock:
            if self._closed:
                raise _stopping()
            if not self._queue and self._fits(weight):
                self._take(weight)
                return
            if len(self._queue) >= self._queue_limit:
                raise Busy(f"Expected at most {self._queue_limit} renders to be waiting; come back in a moment.")
            waiter = _Waiter(weight)
            self._queue.append(waiter)
        waiter.called.wait(self._wait_seconds)
        self._settle(waiter)

    def _settle(self, waiter: _Waiter) -> None:
        """This will keep the place if there is one (it may have come just after the wait ended), or leave the queue."""
        with self._lock:
            if waiter.admitted:
                return
            self._queue.remove(waiter)
            self._admit_next()  # those behind a heavy head may fit
            if self._closed:
                raise _stopping()
        raise Busy(f"Expected the render to begin within {self._wait_seconds:g} seconds; come back in a moment.")

    def _release(self, weight: float) -> None:
        with self._lock:
            self._running -= 1
            self._used_mb -= weight
            self._admit_next()

    def _admit_next(self) -> None:
        while self._queue and not self._closed and self._fits(self._queue[0].megabytes):
            waiter = self._queue.popleft()
            self._take(waiter.megabytes)
            waiter.admitted = True
            waiter.called.set()

    def _take(self, weight: float) -> None:
        self._running += 1
        self._used_mb += weight

    def _fits(self, weight: float) -> bool:
        if self._running == 0:
            return True
        return self._running < self._places and self._used_mb + weight <= self._budget_mb


def _stopping() -> Busy:
    return Busy("Expected a running service to render, and this one is stopping; come back in a moment.")
