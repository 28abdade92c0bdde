"""A web site on loopback that behaves well or badly, as a test tells it."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Site:
    """`answers` are by path; what is not there is a 404."""

    port: int
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    posted: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    """Headers and body of each request that came whole: who is killed between the two has asked nothing."""
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]

    @property
    def bodies(self) -> list[bytes]:
        return [body for _, body in self.posted]

    def shows(self, path: str, body: bytes, *, etag: bool = True) -> None:
        self.answers[path] = picture(body, etag=etag)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def do_GET(self) -> None:
        self.site.asked.append((self.path, self.said()))
        with suppress(BrokenPipeError, ConnectionResetError):  # the caller has heard enough
            self.site.answers.get(self.path, status(404))(self)
        self.close_connection = True

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) == length:
            self.site.posted.append((self.said(), body))
            self.do_GET()

    def said(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.headers.items()}

    def log_message(self, *_: Any) -> None: ...


class Server(ThreadingHTTPServer):
    daemon_threads = False  # they are waited for, so that no test leaves one behind

    def handle_error(self, *_: Any) -> None:
        """Who breaks off in the middle means it."""


@contextmanager
def running(*, tls: tuple[Path, Path] | None = None) -> Iterator[Site]:
    """`tls`: the files of a certificate and its key."""
    server = Server(("127.0.0.1", 0), Handler)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    site = Site(server.server_port)
    server.RequestHandlerClass = type("SiteHandler", (Handler,), {"site": site})
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
    thread.start()
    try:
        yield site
    finally:
        site.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def send(handler: BaseHTTPRequestHandler, code: int, headers: dict[str, str], body: bytes = b"") -> None:
    handler.send_response_only(code)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def status(code: int, **headers: str) -> Answer:
    return lambda handler: send(handler, code, {"Content-Length": "0", **headers})


def redirect(location: str, code: int = 302) -> Answer:
    return status(code, Location=location)


def picture(body: bytes, *, etag: bool = True, headers: dict[str, str] | None = None) -> Answer:
    """An answer with validators, which are honoured; its Content-Type is a lie, as nobody should mind."""
    tag = f'"{md5(body, usedforsecurity=False).hexdigest()}"'
    said = {"Content-Type": "text/html", "Last-Modified": formatdate(0, usegmt=True), **({"ETag": tag} if etag else {})}

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if etag and handler.headers.get("If-None-Match") == tag:
            send(handler, 304, said)
        else:
            send(handler, 200, {**said, "Content-Length": str(len(body)), **(headers or {})}, body)

    return answer


def raw(data: bytes) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(data)

    return answer


def endless(head: bytes, piece: bytes, *, pause_seconds: float = 0) -> Answer:
    """Sends a piece again and again until nobody listens or the test is over."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(head)
        over = handler.site.over  # type: ignore[attr-defined]
        while not over.wait(pause_seconds) if pause_seconds else not over.is_set():
            handler.wfile.write(piece)

    return answer


def silent(handler: BaseHTTPRequestHandler) -> None:
    """Hangs until the test is over."""
    handler.site.over.wait(20)  # type: ignore[attr-defined]
