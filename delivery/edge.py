"""In front of Django: hits and 304s from memory, what must answer under any load, and the places kept free for both.

Django's URL and middleware machinery takes a hit from 33,000 answers a second to 5,600, so hits never enter it.
The rules are the same: only a URL that was verified before is answered, while its key verifies and its time lasts.
Everything else takes one of a bounded number of places, so that clients who wait for renders or send uploads slowly
leave threads for hits.

What is answered here has a request id only where one came with the request, and its line in the log only on the level
`debug`: 20,000 hits a second must not write 20,000 lines.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from django.conf import settings

from delivery import counters, keyring
from delivery.asked import PREFIX
from delivery.counters import HIT_TALLY
from delivery.hints import hints_of
from delivery.hits import HITS, HitIndex, HitKey
from delivery.negotiate import accepted_formats
from delivery.request_id import HEADER, given_id
from delivery.respond import cache_control, matches
from delivery.tiers.memory import MemoryTier
from delivery.watched import App, Environ, StartResponse, Watched, access_log, log_request

NO_PLACE = "All places of this server process are taken: try again."


class Edge:
    """A WSGI application around Django's."""

    def __init__(
        self,
        app: App,
        memory: MemoryTier,
        *,
        places: int,
        hits: HitIndex = HITS,
        beside: Mapping[str, App] = MappingProxyType({}),
    ) -> None:
        """`beside` are applications by their path that answer GET and HEAD without taking a place."""
        self._app = Watched(app)
        self._beside = beside
        self._memory = memory
        self._hits = hits
        self._places = threading.BoundedSemaphore(places)
        self._reads_hints = settings.CONFIG.delivery_client_hints
        self._find_answer = self._answer_and_log if access_log.isEnabledFor(logging.DEBUG) else self._answer_hit

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path: str = environ["PATH_INFO"]
        if environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            if path.startswith(PREFIX):
                answer = self._find_answer(path, environ, start_response)
                if answer is not None:
                    return answer
            elif path == "/healthz":
                return _healthy(environ, start_response)
            elif path in self._beside:
                return self._beside[path](environ, start_response)
        return self._pass_on(environ, start_response)

    def _answer_hit(self, path: str, environ: Environ, start_response: StartResponse) -> list[bytes] | None:
        """This will answer from memory, or give `None`: then Django answers, refusals too."""
        start = time.perf_counter()
        query: str = environ["QUERY_STRING"]
        accepted = accepted_formats(environ.get("HTTP_ACCEPT", ""))
        hints = hints_of(query, environ) if self._reads_hints else None
        hit = self._hits.find(HitKey(path, query, accepted, hints))
        now = time.time()
        if hit is None or not hit.is_valid(keyring.current(), now):
            return None
        control = cache_control(revisioned=hit.revisioned, expires_at=hit.expires_at, now=now, is_draft=hit.is_draft)
        if_none_match = environ.get("HTTP_IF_NONE_MATCH")
        if if_none_match is not None and matches(if_none_match, hit.etag):
            HIT_TALLY.add_not_modified()
            start_response("304 Not Modified", _headers(hit.headers_304, control, start, environ))
            return []
        entry = self._memory.get(hit.variant)
        if entry is None or entry.etag != hit.etag:
            return None
        body = b"" if environ["REQUEST_METHOD"] == "HEAD" else entry.body
        HIT_TALLY.add(len(body), hit.saved_bytes if body else 0)
        start_response("200 OK", _headers(hit.headers, control, start, environ))
        return [body]

    def _answer_and_log(self, path: str, environ: Environ, start_response: StartResponse) -> list[bytes] | None:
        start = time.perf_counter()

        def logged(status: str, headers: list[tuple[str, str]]) -> Any:
            log_request(
                environ,
                level="debug",
                request_id=given_id(environ),
                route="image",
                status=int(status[:3]),
                tier="304" if status.startswith("304") else "memory",
                seconds=time.perf_counter() - start,
            )
            return start_response(status, headers)

        return self._answer_hit(path, environ, logged)

    def _pass_on(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if not self._places.acquire(blocking=False):
            return _no_place(environ, start_response)
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


def _headers(known: tuple[tuple[str, str], ...], control: str, start: float, environ: Environ) -> list[tuple[str, str]]:
    timing = f"total;dur={(time.perf_counter() - start) * 1000:.2f}"
    headers = [*known, ("Cache-Control", control), ("X-Cache", "memory"), ("Server-Timing", timing)]
    given = given_id(environ)
    if given is not None:
        headers.append((HEADER, given))
    return headers


def _healthy(environ: Environ, start_response: StartResponse) -> list[bytes]:
    """The process answers: that is all `/healthz` says, and it needs no free place to say it."""
    body = b'{"status":"ok"}'
    counters.REQUESTS.labels("health", "2xx").inc()
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    ]
    start_response("200 OK", headers)
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]


def _no_place(environ: Environ, start_response: StartResponse) -> list[bytes]:
    counters.REQUESTS.labels(counters.route_of(environ["PATH_INFO"]), "5xx").inc()
    counters.REFUSALS.labels("busy").inc()
    given = given_id(environ)
    body = json.dumps({"code": "busy", "message": NO_PLACE, "error": NO_PLACE}).encode()
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("Vary", "Accept"),
        ("Retry-After", "1"),
        *(() if given is None else ((HEADER, given),)),
    ]
    start_response("503 Service Unavailable", headers)
    return [body]
