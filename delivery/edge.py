"""In front of Django: hits and 304s from memory, `/healthz`, and the places that are kept free for them.

Django's URL and middleware machinery takes a hit from 33,000 answers a second to 5,600, so hits never enter it.
The rules are the same: only a URL that was verified before is answered, while its key verifies and its time lasts.
Everything else takes one of a bounded number of places, so that clients who wait for renders or send uploads slowly
leave threads for hits.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from delivery import keyring
from delivery.asked import PREFIX
from delivery.hits import HITS, HitIndex, HitKey
from delivery.negotiate import accepted_formats
from delivery.respond import cache_control, matches
from delivery.tiers.memory import MemoryTier

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
App = Callable[[Environ, StartResponse], Iterable[bytes]]

NO_PLACE = "All places of this server process are taken: try again."


class Edge:
    """A WSGI application around Django's."""

    def __init__(self, app: App, memory: MemoryTier, *, places: int, hits: HitIndex = HITS) -> None:
        self._app = app
        self._memory = memory
        self._hits = hits
        self._places = threading.BoundedSemaphore(places)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path: str = environ["PATH_INFO"]
        if environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            if path == "/healthz":
                return _healthy(environ, start_response)
            if path.startswith(PREFIX):
                answer = self._answer_hit(path, environ, start_response)
                if answer is not None:
                    return answer
        return self._pass_on(environ, start_response)

    def _answer_hit(self, path: str, environ: Environ, start_response: StartResponse) -> list[bytes] | None:
        """This will answer from memory, or give `None`: then Django answers, refusals too."""
        start = time.perf_counter()
        query: str = environ["QUERY_STRING"]
        accepted = accepted_formats(environ.get("HTTP_ACCEPT", ""))
        hit = self._hits.find(HitKey(path, query, accepted))
        now = time.time()
        if hit is None or not hit.is_valid(keyring.current(), now):
            return None
        control = cache_control(revisioned=hit.revisioned, expires_at=hit.expires_at, now=now)
        if_none_match = environ.get("HTTP_IF_NONE_MATCH")
        if if_none_match is not None and matches(if_none_match, hit.etag):
            start_response("304 Not Modified", _headers(hit.headers_304, control, start))
            return []
        entry = self._memory.get(hit.variant)
        if entry is None or entry.etag != hit.etag:
            return None
        start_response("200 OK", _headers(hit.headers, control, start))
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else entry.body]

    def _pass_on(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if not self._places.acquire(blocking=False):
            return _no_place(start_response)
        try:
            response = self._app(environ, start_response)
        except BaseException:
            self._places.release()
            raise
        if getattr(response, "streaming", True):
            return _Released(response, self._places.release)
        try:
            # One list is one write; an iterator would take Granian a call a chunk.
            return [b"".join(response)]
        finally:
            self._places.release()
            response.close()  # type: ignore[attr-defined]


class _Released:
    """A streamed body that gives its place back when the server closes it."""

    def __init__(self, inner: Iterable[bytes], release: Callable[[], None]) -> None:
        self._inner = inner
        self._release = release

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._inner)

    def close(self) -> None:
        release, self._release = self._release, lambda: None
        release()
        if hasattr(self._inner, "close"):
            self._inner.close()


def _headers(known: tuple[tuple[str, str], ...], control: str, start: float) -> list[tuple[str, str]]:
    timing = f"total;dur={(time.perf_counter() - start) * 1000:.2f}"
    return [*known, ("Cache-Control", control), ("X-Cache", "memory"), ("Server-Timing", timing)]


def _healthy(environ: Environ, start_response: StartResponse) -> list[bytes]:
    """The process answers: that is all `/healthz` says, and it needs no free place to say it."""
    body = b'{"status":"ok"}'
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    ]
    start_response("200 OK", headers)
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]


def _no_place(start_response: StartResponse) -> list[bytes]:
    body = json.dumps({"code": "busy", "message": NO_PLACE, "error": NO_PLACE}).encode()
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("Vary", "Accept"),
        ("Retry-After", "1"),
    ]
    start_response("503 Service Unavailable", headers)
    return [body]
