"""What nginx has behind it in these tests: a server that answers as it is told to and remembers what it was asked."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

YEAR = "public, max-age=31536000, immutable"
DRAFT = "public, max-age=2"


@dataclass(frozen=True)
class Asked:
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Told:
    status: int = 200
    body: bytes = b"picture"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Origin:
    answer: Callable[[Asked], Told] = lambda _: Told()
    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    _server: ThreadingHTTPServer | None = None
    _connections: list[socket.socket] = field(default_factory=list)

    def open(self) -> None:
        """This will listen, on the same port as before."""
        origin = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, self.path, headers, body)
                origin.asked.append(asked)
                told = origin.answer(asked)
                etag = told.headers.get("ETag")
                known = etag is not None and headers.get("if-none-match") == etag and told.status == 200
                self.send_response(304 if known else told.status)
                for name, value in told.headers.items():
                    self.send_header(name, value)
                if not known:
                    self.send_header("Content-Length", str(len(told.body)))
                self.end_headers()
                if not known and self.command != "HEAD":
                    self.wfile.write(told.body)

            do_POST = do_HEAD = do_GET  # noqa: N815  so http.server calls them

            def setup(self) -> None:
                super().setup()
                origin._connections.append(self.connection)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128
            allow_reuse_address = True

            def handle_error(self, *_: object) -> None:
                """A test may have its server die over a request."""

        self._server = Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        for connection in self._connections:  # those that nginx has kept, too
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._connections.clear()

    def targets(self, method: str = "GET") -> list[str]:
        return [each.target for each in self.asked if each.method == method]


def image(body: bytes = b"picture", cache_control: str = YEAR, **headers: str) -> Told:
    """An answer as delivery gives it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Told(
        200,
        body,
        {
            "Cache-Control": cache_control,
            "ETag": f'"{body.decode()}"',
            "Vary": "Accept",
            "X-Cache": "render",
            "Content-Type": "image/webp",
            "Server-Timing": "total;dur=500",
            "X-Request-ID": "of-the-first-request",
            **named,
        },
    )
