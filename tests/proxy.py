"""A TCP proxy in front of a real service, whose connections a test can spoil.

proxy = Proxy(6379)         # pass
proxy.cut(); proxy.open()   # refuse; take connections again on the same port
proxy.silence(); proxy.resume()   # hang: take everything and answer nothing
proxy.delay_seconds = 5.0   # every piece of an answer comes so much later
proxy.cut_after = 10_000    # a connection ends after so many bytes of answers
proxy.refusing_share = 0.1  # of HTTP requests this share gets a 503 (the first, and then every tenth)
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

REFUSAL = b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Proxy:
    def __init__(self, port: int, *, host: str = "127.0.0.1") -> None:
        self._target = (host, port)
        self._listener: socket.socket | None = None
        self._sockets: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._flowing = threading.Event()
        self._flowing.set()
        self._threads: list[threading.Thread] = []
        self._requests = 0
        self.delay_seconds = 0.0
        self.cut_after: int | None = None
        self.refusing_share = 0.0
        self.connections = 0
        self.asked: list[str] = []
        """The first lines of HTTP requests, as far as each came in one piece."""
        self.port = 0
        self.open()

    def open(self) -> None:
        """This will take connections, on the same port as before."""
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        self._listener = listener
        self._start(self._accept, listener)

    def cut(self) -> None:
        """This will end all connections and refuse new ones: the service is down."""
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        with self._lock:
            for each in self._sockets:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def silence(self) -> None:
        self._flowing.clear()

    def resume(self) -> None:
        self._flowing.set()

    def heal(self) -> None:
        """This will let everything pass again."""
        self.delay_seconds, self.cut_after, self.refusing_share = 0.0, None, 0.0
        self.resume()
        if self._listener is None:
            self.open()

    def close(self) -> None:
        self.resume()
        self.cut()
        for thread in self._threads:
            thread.join()
        for each in self._sockets:
            each.close()

    def _start(self, target: Callable[..., None], *arguments: socket.socket) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            try:
                far = socket.create_connection(self._target)
            except OSError:
                near.close()
                continue
            with self._lock:
                self._sockets |= {near, far}
            self._start(self._ask, near, far)
            self._start(self._answer, far, near)

    def _ask(self, near: socket.socket, far: socket.socket) -> None:
        with suppress(OSError):
            while data := near.recv(65536):
                if (line := data.split(b"\r\n", 1)[0]).endswith(b"HTTP/1.1"):
                    self.asked.append(line.decode("latin-1"))
                self._flowing.wait()
                if self.refusing_share and self._is_refused(data):
                    near.sendall(REFUSAL)
                    break
                far.sendall(data)
        self._end(near, far)

    def _answer(self, far: socket.socket, near: socket.socket) -> None:
        sent = 0
        with suppress(OSError):
            while data := far.recv(65536):
                self._flowing.wait()
                if self.delay_seconds:
                    time.sleep(self.delay_seconds)
                if self.cut_after is not None and sent + len(data) >= self.cut_after:
                    near.sendall(data[: max(0, self.cut_after - sent)])
                    break
                near.sendall(data)
                sent += len(data)
        self._end(far, near)

    def _is_refused(self, data: bytes) -> bool:
        """Every so-manieth request, by a count: tests are not left to chance."""
        if not data.split(b"\r\n", 1)[0].endswith(b"HTTP/1.1"):
            return False
        with self._lock:
            before, self._requests = self._requests, self._requests + 1
        return int(before * self.refusing_share) != int((before - 1) * self.refusing_share) or before == 0

    @staticmethod
    def _end(*sockets: socket.socket) -> None:
        for each in sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
