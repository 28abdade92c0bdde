"""Where a fetch may go: which addresses can be written, which hosts and ports, and which networks behind them."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import urlsplit

import structlog

from assets.origins.addresses import may_go_to
from assets.origins.deadline import Deadline
from assets.origins.errors import OriginRefused, OriginTimeout, OriginUnavailable

log = structlog.get_logger("assets.origins")

PORTS = {"http": 80, "https": 443}
MAX_URL_LENGTH = 2048
URL = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%|]+")
HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")

Lookup = Callable[[str, int], list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Target:
    """An address taken apart, once: what is checked is what is connected to."""

    scheme: str
    host: str
    """Lower case, without a closing dot, an IPv6 address without brackets."""
    port: int
    path: str
    """With the query, as it goes into the request."""

    @property
    def site(self) -> tuple[str, int]:
        return self.host, self.port


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How far a fetch may go."""

    sites: frozenset[tuple[str, int]] | None
    """Hosts and ports; `None`: every host, at the ports of HTTP and those in `ports`."""
    ports: frozenset[int] = frozenset()
    private_networks: Sequence[str] = ()

    def check(self, target: Target) -> None:
        ports = {*PORTS.values(), *self.ports}
        if not (target.port in ports if self.sites is None else target.site in self.sites):
            raise OriginRefused(f"The origin's address leads to {target.host}:{target.port}, which is not allowed.")


def target_of(url: str) -> Target:
    """This will take an address apart, or raise `OriginRefused` for all that is not written as addresses are."""
    refused = OriginRefused("Expected a plain http:// or https:// address, without user and password.")
    if len(url) > MAX_URL_LENGTH or not URL.fullmatch(url):
        raise refused
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise refused from error
    if parts.scheme not in PORTS or "@" in parts.netloc or port == 0:
        raise refused
    host = _plain_host(parts.netloc, parts.hostname or "")
    if host is None:
        raise refused
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port or PORTS[parts.scheme], path)


def _plain_host(netloc: str, host: str) -> str | None:
    """This will give a host that reads the same to everybody; `127.1` or `0x7f000001` would be 127.0.0.1 to some."""
    if netloc.startswith("["):
        try:
            return str(IPv6Address(host)) if "%" not in host else None
        except ValueError:
            return None
    host = host.removesuffix(".")
    if not HOST.fullmatch(host):
        return None
    if NUMBER.fullmatch(host.split(".")[-1]):
        try:
            return str(IPv4Address(host))
        except ValueError:
            return None
    return host


def lookup(host: str, port: int) -> list[tuple[Any, ...]]:
    return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))


def addresses_of(target: Target, reach: Reach, deadline: Deadline) -> list[tuple[Any, ...]]:
    """This will ask once where a host is, and give what `socket.connect` takes.

    One address that is not allowed among them is enough to refuse them all: nobody has such a host by accident.
    """
    reach.check(target)
    found = _looked_up(target, deadline)
    if not found:
        raise OriginUnavailable("The origin's host cannot be found.")
    for _family, _kind, _protocol, _name, place in found:
        if not may_go_to(str(place[0]), reach.private_networks) or (len(place) == 4 and place[3]):
            log.warning("address refused", host=target.host, address=str(place[0]))
            raise OriginRefused(f"The origin's host {target.host} does not have a public address.")
    return found


def _looked_up(target: Target, deadline: Deadline) -> list[tuple[Any, ...]]:
    """A resolver knows no time limit, so it is asked in a thread, which is left to itself when the time is over."""
    answers: SimpleQueue[list[tuple[Any, ...]]] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(lookup(target.host, target.port))
        except (OSError, UnicodeError):
            answers.put([])

    threading.Thread(target=ask, name="imgopt-lookup", daemon=True).start()
    try:
        return answers.get(timeout=deadline.left())
    except Empty as error:
        raise OriginTimeout from error
