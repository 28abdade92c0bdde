"""Around Django: every request gets an id, a time, its place in the figures and one line in the log.

Hits never come here; `delivery.edge` adds them up by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import structlog
from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars

from delivery import counters
from delivery.notes import taking_notes
from delivery.request_id import HEADER, request_id
from delivery.respond import server_timing
from pipeline import spans

access_log = structlog.get_logger("delivery.access")

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
App = Callable[[Environ, StartResponse], Iterable[bytes]]

LONGEST_SHOWN = 300
TRACE_HEADERS = (("traceparent", "HTTP_TRACEPARENT"), ("tracestate", "HTTP_TRACESTATE"))
"""Of W3C's Trace Context: the trace that whoever asks is in."""
# Asked every few seconds by machines; what is wrong is logged where it is found.
QUIET_ROUTES = ("health", "metrics")


class Watched:
    """A WSGI application that watches another one."""

    def __init__(self, app: App) -> None:
        self._app = app

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        watch = _Watch(environ, start_response)
        clear_contextvars()
        bind_contextvars(request_id=watch.id)
        try:
            with spans.span("request", carrier=_carrier(environ)), taking_notes() as watch.notes:
                watch.trace_id = get_contextvars().get("trace_id")
                response = self._app(environ, watch.start_response)
                if spans.is_on():
                    spans.note(watch.facts)
        except BaseException:
            watch.finish()
            raise
        finally:
            clear_contextvars()
        if getattr(response, "streaming", True):
            return _WatchedBody(response, watch.finish)
        watch.finish()
        return response


def _carrier(environ: Environ) -> dict[str, str]:
    return {name: environ[key] for name, key in TRACE_HEADERS if key in environ}


class _Watch:
    """One request: what is known of it when it ends."""

    def __init__(self, environ: Environ, start_response: StartResponse) -> None:
        self.id = request_id(environ)
        self.trace_id: str | None = None
        self.notes: dict[str, Any] = {}
        self._environ = environ
        self._start_response = start_response
        self._start = time.perf_counter()
        self._status = 500  # what the server makes of an application that raises
        self._headers: dict[str, str] = {}

    def start_response(self, status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
        self._status = int(status[:3])
        self._headers = {name.lower(): value for name, value in headers}
        added = [(HEADER, self.id)]
        if "server-timing" not in self._headers:
            added.append(("Server-Timing", server_timing({"total": self._seconds()})))
        return self._start_response(status, [*headers, *added], *exc_info)

    @property
    def facts(self) -> dict[str, Any]:
        """For its span, in OpenTelemetry's words where it has some."""
        return {
            "http.request.method": self._environ["REQUEST_METHOD"],
            "http.response.status_code": self._status,
            "imgopt.route": counters.route_of(self._environ["PATH_INFO"]),
            "imgopt.request_id": self.id,
            "imgopt.tier": self._tier(),
        }

    def finish(self) -> None:
        path: str = self._environ["PATH_INFO"]
        route, seconds, tier = counters.route_of(path), self._seconds(), self._tier()
        sent_bytes = self._sent_bytes()
        counters.answered(route, self._status, seconds)
        master_bytes = self.notes.pop("master_bytes", 0)
        if tier is not None:
            counters.delivered(tier, sent_bytes=sent_bytes, master_bytes=master_bytes)
        log_request(
            self._environ,
            level="debug" if route in QUIET_ROUTES else "info",
            request_id=self.id,
            trace_id=self.trace_id,
            route=route,
            status=self._status,
            tier=tier,
            byte_size=sent_bytes,
            seconds=seconds,
            **self.notes,
        )

    def _seconds(self) -> float:
        return time.perf_counter() - self._start

    def _tier(self) -> str | None:
        tier = self._headers.get("x-cache")
        return "304" if tier is not None and self._status == 304 else tier

    def _sent_bytes(self) -> int:
        if self._environ["REQUEST_METHOD"] == "HEAD" or self._status == 304:
            return 0
        return int(self._headers.get("content-length", 0))


def log_request(environ: Environ, *, level: str, seconds: float, **facts: Any) -> None:
    """This will write the one line of a finished request; `imgopt.logs` blanks the signature in its query."""
    getattr(access_log, level)(
        "request",
        method=environ["REQUEST_METHOD"],
        path=environ["PATH_INFO"][:LONGEST_SHOWN],
        query=environ["QUERY_STRING"][:LONGEST_SHOWN],
        total_ms=round(1000 * seconds, 2),
        **{name: value for name, value in facts.items() if value is not None},
    )


class _WatchedBody:
    """A streamed body, which ends when the server closes it."""

    def __init__(self, inner: Iterable[bytes], finish: Callable[[], None]) -> None:
        self._inner = inner
        self._finish = finish

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._inner)

    def close(self) -> None:
        finish, self._finish = self._finish, lambda: None
        finish()
        if hasattr(self._inner, "close"):
            self._inner.close()
