"""A worker that no server has started tells its figures itself, on a port of its own: `IMGOPT_JOBS_METRICS_PORT`."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import structlog
from django.conf import settings
from prometheus_client import CONTENT_TYPE_LATEST

from apikeys.errors import InvalidKey
from delivery.exposition import MetricsRefused, admit, exposition
from delivery.watched import Environ, StartResponse

log = structlog.get_logger("jobs.metrics")

PATH = "/metrics"
REFUSED = {MetricsRefused: "403 Forbidden", InvalidKey: "401 Unauthorized"}


def start(folder: str | None = None) -> WSGIServer | None:
    """This will answer scrapes in a thread that ends with the process; `None`: no port is set.

    `folder` is where the processes that this one has started keep their figures.
    """
    config = settings.CONFIG
    if not config.jobs_metrics_port:
        return None

    def answer(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        status, body = _answer(environ, folder)
        headers = [("Content-Type", CONTENT_TYPE_LATEST), ("Content-Length", str(len(body)))]
        start_response(status, [*headers, ("Cache-Control", "no-store")])
        return [body]

    server = make_server(config.host, config.jobs_metrics_port, answer, _Server, _Quiet)
    threading.Thread(target=server.serve_forever, name="imgopt-metrics", daemon=True).start()
    return server


def _answer(environ: Environ, folder: str | None) -> tuple[str, bytes]:
    if environ["PATH_INFO"] != PATH or environ["REQUEST_METHOD"] != "GET":
        return "404 Not Found", b""
    try:
        admit(environ)
    except (MetricsRefused, InvalidKey) as error:
        return REFUSED[type(error)], f"{error.message}\n".encode()
    return "200 OK", exposition(folder)


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[WSGIRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)


class _Quiet(WSGIRequestHandler):
    timeout = 10  # who says nothing does not keep a thread

    def log_message(self, format: str, *args: Any) -> None:
        log.debug("scraped", client=self.client_address[0])
