"""A picture over HTTP, from somebody who may wish us ill: pinned addresses, few redirects, bounded time and bytes."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPResponse
from urllib.parse import quote, urljoin

import structlog

from assets.origins.deadline import Deadline
from assets.origins.errors import OriginNotFound, OriginRefused, OriginTooLarge, OriginUnavailable
from assets.origins.guard import Reach, Target, addresses_of, target_of
from assets.origins.opened import CHUNK_BYTES, Opened, Said, capped
from assets.origins.wire import HEADER_BYTES, PinnedConnection, named_errors

log = structlog.get_logger("assets.origins")

MAX_REDIRECTS = 3
REDIRECTS = (301, 302, 303, 307, 308)
VALIDATOR = re.compile(r"[ -~]{1,200}")
RESERVED = "%/:?#[]@!$&'()*+,;="


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetcher:
    """How pictures are fetched: from where, and what one may cost."""

    reach: Reach
    max_bytes: int
    timeout_seconds: float

    @contextmanager
    def open(self, url: str, known: Said) -> Iterator[Opened | None]:
        """This will open what is at an address, after its redirects; `None` if it is still what is known."""
        start = time.perf_counter()
        deadline = Deadline(self.timeout_seconds)
        target = target_of(url)
        for _ in range(1 + MAX_REDIRECTS):
            connection = PinnedConnection(target, addresses_of(target, self.reach, deadline), deadline)
            try:
                with named_errors():
                    connection.request("GET", target.path, headers=_headers(known))
                    response = connection.getresponse()
                log.info("asked", host=target.host, status=response.status, ms=_ms(start))
                if response.status not in REDIRECTS:
                    yield self._opened(connection, response, known)
                    return
                target = _redirected(target, response.headers.get("Location", ""))
            finally:
                connection.hang_up()
        raise OriginRefused(f"The origin redirects more than {MAX_REDIRECTS} times.")

    def _opened(self, connection: PinnedConnection, response: HTTPResponse, known: Said) -> Opened | None:
        if response.status == 304 and known:
            return None
        if response.status in (404, 410):
            raise OriginNotFound(f"The origin has no picture there: it answered {response.status}.")
        if response.status != 200:
            raise OriginUnavailable(f"The origin answered {response.status}.")
        if response.headers.get("Content-Encoding", "identity").strip().lower() not in ("identity", ""):
            raise OriginUnavailable("The origin compressed its answer, which it was not asked to.")
        if response.length is not None and response.length > self.max_bytes:
            raise OriginTooLarge
        connection.allow_body(2 * self.max_bytes + HEADER_BYTES)  # twice: small chunks have long frames
        return Opened(_said(response), capped(_body(response), self.max_bytes))


def _headers(known: Said) -> dict[str, str]:
    """No credentials, and nothing compressed: a small answer must not become a large one."""
    headers = {"Accept": "*/*", "Accept-Encoding": "identity", "Connection": "close", "User-Agent": "imgopt"}
    if "etag" in known:
        headers["If-None-Match"] = str(known["etag"])
    if "last_modified" in known:
        headers["If-Modified-Since"] = str(known["last_modified"])
    return headers


def _said(response: HTTPResponse) -> Said:
    said = {"etag": response.headers.get("ETag", ""), "last_modified": response.headers.get("Last-Modified", "")}
    return {name: text for name, text in said.items() if VALIDATOR.fullmatch(text)}


def _body(response: HTTPResponse) -> Iterator[bytes]:
    """A body that ends before its Content-Length is told by `http.client` only where it is read at one go."""
    expected, received = response.length, 0
    while True:
        with named_errors():
            chunk = response.read(CHUNK_BYTES)
        if not chunk:
            break
        received += len(chunk)
        yield chunk
    if expected is not None and received != expected:
        raise OriginUnavailable("The origin broke off in the middle of the picture.")


def _redirected(target: Target, location: str) -> Target:
    """This will take the next address apart; whether it may be gone to is checked with its network address."""
    host = f"[{target.host}]" if ":" in target.host else target.host
    here = f"{target.scheme}://{host}:{target.port}{target.path}"
    if "\\" in location:  # a slash to some
        raise OriginRefused("The origin redirects to what is no address.")
    # Servers write what they like; `http.client` has decoded it as Latin-1.
    text = quote(location.encode("latin-1"), safe=RESERVED)
    try:
        following = target_of(urljoin(here, text).partition("#")[0])
    except ValueError as error:
        raise OriginRefused("The origin redirects to what is no address.") from error
    if target.scheme == "https" and following.scheme == "http":
        raise OriginRefused("The origin redirects from https:// to http://.")
    return following


def _ms(start: float) -> float:
    return round(1000 * (time.perf_counter() - start), 1)
