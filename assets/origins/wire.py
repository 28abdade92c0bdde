"""An HTTP connection to an address that was checked, and to no other, within a time and a number of bytes."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from assets.origins.deadline import Deadline
from assets.origins.errors import OriginTimeout, OriginTooLarge, OriginUnavailable
from assets.origins.guard import PORTS, Target
from pipeline.errors import ImgoptError

HEADER_BYTES = 65_536

tls_context: Callable[[], ssl.SSLContext] = ssl.create_default_context


class Wire(io.RawIOBase):
    """What comes in. `http.client` itself would wait anew for every byte, and read headers without end."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock, self._deadline = sock, deadline
        self._left = HEADER_BYTES
        self._too_much: ImgoptError = OriginUnavailable("The headers of the origin's answer do not end.")

    def allow_body(self, byte_count: int) -> None:
        self._left = byte_count
        self._too_much = OriginTooLarge()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._left <= 0:
            raise self._too_much
        view = memoryview(buffer)[: self._left]
        self._sock.settimeout(self._deadline.left())
        count = self._sock.recv_into(view)
        self._left -= count
        return count


class _Socket:
    """As much of a socket as `http.client` uses."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self.wire = Wire(sock, deadline)
        self._sock, self._deadline = sock, deadline

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(self._deadline.left())
        self._sock.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self.wire)

    def close(self) -> None:
        """`http.client` does so before the body is read, and trusts that a real socket's file lives on."""

    def hang_up(self) -> None:
        self._sock.close()


class PinnedConnection(http.client.HTTPConnection):
    """Connects to the first of the addresses that were found and checked; the host's name is not looked up again.

    Proxies of the environment are not used, or the address would be theirs to choose.
    """

    def __init__(self, target: Target, addresses: Sequence[tuple[Any, ...]], deadline: Deadline) -> None:
        super().__init__(target.host, target.port)
        self.default_port = PORTS[target.scheme]
        self._target, self._addresses, self._deadline = target, addresses, deadline
        self._pinned: _Socket | None = None

    def connect(self) -> None:
        sock = self._connected()
        try:
            if self._target.scheme == "https":
                sock.settimeout(self._deadline.left())
                sock = tls_context().wrap_socket(sock, server_hostname=self._target.host)
        except BaseException:
            sock.close()
            raise
        self.sock: Any = _Socket(sock, self._deadline)
        self._pinned = self.sock

    def allow_body(self, byte_count: int) -> None:
        """This will let so many more bytes come in; headers have `HEADER_BYTES`."""
        if self._pinned is not None:
            self._pinned.wire.allow_body(byte_count)

    def hang_up(self) -> None:
        if self._pinned is not None:
            self._pinned.hang_up()

    def _connected(self) -> socket.socket:
        """Each address has its share of the time, so that one which swallows packets does not cost it all."""
        for number, (family, kind, protocol, _name, place) in enumerate(self._addresses):
            sock = socket.socket(family, kind, protocol)
            sock.settimeout(self._deadline.left() / (len(self._addresses) - number))
            try:
                sock.connect(place)
            except OSError:
                sock.close()
            else:
                return sock
        self._deadline.left()
        raise OriginUnavailable("The origin cannot be reached.")


@contextmanager
def named_errors() -> Iterator[None]:
    """This will give what sockets, TLS and `http.client` raise our names."""
    try:
        yield
    except TimeoutError as error:
        raise OriginTimeout from error
    except ssl.SSLCertVerificationError as error:
        raise OriginUnavailable("The origin's certificate is not valid for its name.") from error
    except OSError as error:
        raise OriginUnavailable("The connection to the origin broke off.") from error
    except http.client.HTTPException as error:
        raise OriginUnavailable("The origin's answer is not the HTTP it should be.") from error
