"""Fetching over HTTP from a site that behaves, and from sites that do not."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from assets.origins import wire
from assets.origins.errors import OriginNotFound, OriginRefused, OriginTimeout, OriginTooLarge, OriginUnavailable
from assets.origins.fetch import MAX_REDIRECTS, Fetcher, _redirected
from assets.origins.guard import Reach, target_of
from assets.origins.opened import Said, take
from assets.origins.places import SitePlace
from tests.assets.caller import files_under
from tests.assets.origins.site import Site, endless, picture, raw, redirect, silent, status
from tests.assets.origins.tls import certificate

BODY = b"picture" * 1000
LOOPBACK = ("127.0.0.0/8",)
NOTHING: Said = {}


def fetcher(site: Site, *, seconds: float = 5, max_bytes: int = 100_000, **reach: Any) -> Fetcher:
    allowed = {"sites": frozenset({("127.0.0.1", site.port)}), "private_networks": LOOPBACK, **reach}
    return Fetcher(reach=Reach(**allowed), max_bytes=max_bytes, timeout_seconds=seconds)


def fetched(site: Site, path: str = "/a.jpg", known: Said = NOTHING, **options: Any) -> tuple[bytes, Said] | None:
    with fetcher(site, **options).open(site.url + path, known) as opened:
        return None if opened is None else (b"".join(opened.chunks), opened.said)


def test_brings_the_bytes_and_what_was_said_of_them(site: Site) -> None:
    site.shows("/a.jpg", BODY)
    found = fetched(site)
    assert found is not None
    body, said = found
    assert body == BODY
    assert set(said) == {"etag", "last_modified"}


def test_asks_for_what_it_knows_and_hears_that_it_has_not_changed(site: Site) -> None:
    site.shows("/a.jpg", BODY)
    found = fetched(site)
    assert found is not None
    assert fetched(site, known=found[1]) is None
    site.shows("/a.jpg", b"another")
    assert fetched(site, known=found[1]) is not None


def test_an_unasked_304_is_no_answer(site: Site) -> None:
    site.answers["/a.jpg"] = status(304)
    with pytest.raises(OriginUnavailable, match="304"):
        fetched(site)


def test_sends_no_credentials_and_wants_nothing_compressed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    site.shows("/a.jpg", BODY)
    fetched(site)
    [(_, headers)] = site.asked
    assert headers == {
        "host": f"127.0.0.1:{site.port}",
        "accept": "*/*",
        "accept-encoding": "identity",
        "connection": "close",
        "user-agent": "imgopt",
    }


@pytest.mark.parametrize("said", ['"a\x0bX: y"', '"' + "x" * 300 + '"', '"é"'])
def test_odd_validators_are_not_kept(site: Site, said: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nETag: {said}\r\n\r\n"
    site.answers["/a.jpg"] = raw(head.encode("latin-1") + b"x")
    found = fetched(site)
    assert found == (b"x", {})


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (404, OriginNotFound), (410, OriginNotFound), (401, OriginUnavailable), (403, OriginUnavailable),
        (500, OriginUnavailable), (503, OriginUnavailable), (429, OriginUnavailable), (206, OriginUnavailable),
        (204, OriginUnavailable), (300, OriginUnavailable), (999, OriginUnavailable),
    ],
)  # fmt: skip
def test_other_answers_have_their_error(site: Site, code: int, error: type[Exception]) -> None:
    site.answers["/a.jpg"] = status(code)
    with pytest.raises(error, match=str(code)):
        fetched(site)


NO_HTTP = (
    b"", b"\r\n\r\n", b"220 smtp.example.com ESMTP\r\n", b"HTTP/1.1\r\n\r\n", b"HTTP/1.1 OK 200\r\n\r\n",
    b"-ERR wrong\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 70_000 + b"\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 120 + b"\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
)  # fmt: skip


@pytest.mark.parametrize("data", NO_HTTP, ids=range(len(NO_HTTP)))
def test_what_is_no_whole_answer_is_unavailable(site: Site, data: bytes) -> None:
    site.answers["/a.jpg"] = raw(data)
    with pytest.raises(OriginUnavailable):
        fetched(site)


def test_headers_without_end_are_cut(site: Site) -> None:
    site.answers["/a.jpg"] = endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n")
    with pytest.raises(OriginUnavailable, match="headers"):
        fetched(site)


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate, gzip", "x-unknown"])
def test_a_compressed_answer_is_refused_before_it_is_read(site: Site, coding: str) -> None:
    site.answers["/a.jpg"] = picture(BODY, headers={"Content-Encoding": coding})
    with pytest.raises(OriginUnavailable, match="compressed"):
        fetched(site)


def test_a_length_beyond_the_limit_is_refused_at_once(site: Site) -> None:
    site.answers["/a.jpg"] = endless(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n", b"x" * 1000)
    with pytest.raises(OriginTooLarge), fetcher(site).open(f"{site.url}/a.jpg", {}):
        raise AssertionError("it was opened")


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\n"]
)
def test_a_body_without_end_is_cut_at_the_limit(site: Site, head: bytes) -> None:
    site.answers["/a.jpg"] = endless(head, b"x" * 65_536)
    received: list[int] = []
    with fetcher(site, max_bytes=300_000).open(f"{site.url}/a.jpg", {}) as opened:
        assert opened is not None
        with pytest.raises(OriginTooLarge):
            received.extend(len(chunk) for chunk in opened.chunks)
    assert sum(received) <= 300_000


def test_chunks_whose_frames_outweigh_them_are_cut(site: Site) -> None:
    frame = b"1;" + b"e" * 60_000 + b"\r\nx\r\n"
    site.answers["/a.jpg"] = endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", frame)
    with pytest.raises((OriginTooLarge, OriginUnavailable)):
        fetched(site, max_bytes=10_000)


@pytest.mark.parametrize(
    "answer",
    [
        silent,
        endless(b"", b"H", pause_seconds=0.02),
        endless(b"HTTP/1.1 200 OK\r\nX: ", b"y", pause_seconds=0.02),
        endless(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", b"x", pause_seconds=0.02),
        endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", pause_seconds=0.02),
    ],
    ids=["silent", "status", "headers", "body", "chunks"],
)
def test_a_slow_site_has_its_time_and_no_more(site: Site, answer: Any) -> None:
    site.answers["/a.jpg"] = answer
    start = time.monotonic()
    with pytest.raises(OriginTimeout):
        fetched(site, seconds=0.2)
    assert time.monotonic() - start < 3


def test_the_time_is_that_of_all_redirects_together(site: Site) -> None:
    def late(handler: Any) -> None:
        site.over.wait(0.15)
        redirect("/a.jpg")(handler)

    site.answers["/a.jpg"] = late
    with pytest.raises(OriginTimeout):
        fetched(site, seconds=0.25)
    assert len(site.asked) == 2


def test_nobody_listening_is_unavailable(site: Site) -> None:
    with pytest.raises(OriginUnavailable, match="reached"):
        fetched(Site(port=1))


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_follows_a_redirect_within_the_site(site: Site, code: int) -> None:
    site.shows("/b.jpg", BODY)
    site.answers["/a.jpg"] = redirect("/b.jpg#top", code)
    found = fetched(site)
    assert found is not None
    assert found[0] == BODY


def test_a_location_is_understood_as_servers_write_them(site: Site) -> None:
    site.shows("/m/gr%C3%BCn%20rot.jpg?x=%20", BODY)
    site.answers["/m/a.jpg"] = raw(
        "HTTP/1.1 302 Found\r\nLocation: grün rot.jpg?x=%20\r\nContent-Length: 0\r\n\r\n".encode()
    )
    assert fetched(site, "/m/a.jpg") is not None


def test_follows_three_redirects_and_no_fourth(site: Site) -> None:
    for number in range(10):
        site.answers[f"/{number}"] = redirect(f"/{number + 1}")
    site.shows(f"/{MAX_REDIRECTS}", BODY)
    assert fetched(site, "/0") is not None
    site.answers[f"/{MAX_REDIRECTS}"] = redirect(f"/{MAX_REDIRECTS + 1}")
    with pytest.raises(OriginRefused, match="more than 3"):
        fetched(site, "/0")
    assert len(site.asked) == 2 * (1 + MAX_REDIRECTS)


REDIRECTS = (
    "http://10.0.0.1/", "http://169.254.169.254/latest/meta-data/", "http://[::1]/", "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/", "http://0x7f000001/", "http://2130706433/", "http://127.1/", "http://0/",
    "http://localhost./", "http://localhost:{port}/", "http://user@127.0.0.1:{port}/b.jpg",
    "http://127.0.0.1:{port}@10.0.0.1/", "http://127.0.0.1:6379/", "http://127.0.0.2:{port}/",
    "https://127.0.0.1:{port}/", "file:///etc/passwd", "gopher://127.0.0.1:{port}/", "data:image/png;base64,AA",
    "//10.0.0.1/b.jpg", "http://shop.example.com/", "http:\\\\10.0.0.1\\", "", "http://[",
    "http://127.0.0.1:{port}:80/", "\thttp://10.0.0.1/",
)  # fmt: skip


@pytest.mark.parametrize("location", REDIRECTS)
def test_a_redirect_elsewhere_is_refused_before_anybody_is_connected_to(
    site: Site, monkeypatch: pytest.MonkeyPatch, location: str
) -> None:
    site.shows("/b.jpg", BODY)
    site.shows("/", BODY)
    site.answers["/a.jpg"] = redirect(location.format(port=site.port))
    connected: list[Any] = []
    real = wire.PinnedConnection.connect

    def connect(self: wire.PinnedConnection) -> None:
        connected.append(self._addresses)
        real(self)

    monkeypatch.setattr(wire.PinnedConnection, "connect", connect)
    if location.startswith("https"):  # of the same host and port; nobody speaks TLS there
        with pytest.raises(OriginUnavailable):
            fetched(site)
        return
    if location == "":  # here again
        with pytest.raises(OriginRefused):
            fetched(site)
        return
    with pytest.raises(OriginRefused):
        fetched(site)
    assert len(connected) == 1


@pytest.mark.parametrize("location", [text for text in REDIRECTS if "{port}" not in text and text])
def test_so_it_is_where_every_host_is_right(site: Site, location: str) -> None:
    """As for an import of addresses, of which the operator has named the first only."""
    site.answers["/a.jpg"] = redirect(location)
    with pytest.raises((OriginRefused, OriginUnavailable)):
        fetched(site, sites=None, ports=frozenset({site.port}))
    assert site.paths == ["/a.jpg"]


def test_from_https_no_redirect_leads_to_http() -> None:
    here = target_of("https://shop.example.com/a.jpg")
    assert _redirected(here, "https://shop.example.com/b.jpg").path == "/b.jpg"
    with pytest.raises(OriginRefused, match="from https"):
        _redirected(here, "http://shop.example.com/b.jpg")


def test_what_is_taken_is_hashed_and_lies_in_a_temporary_file_until_it_is_closed(site: Site, temporary: Path) -> None:
    site.shows("/media/ä b.jpg".replace("ä", "%C3%A4").replace(" ", "%20"), BODY)
    arrived = take(SitePlace(address=f"{site.url}/media", fetcher=fetcher(site)), "ä b.jpg", {})
    assert arrived is not None
    with arrived.upload as upload:
        assert (upload.size, Path(upload.temporary_file_path()).read_bytes()) == (len(BODY), BODY)
        assert len(files_under(temporary)) == 1
    assert files_under(temporary) == []


def test_what_breaks_off_leaves_no_temporary_file(site: Site, temporary: Path) -> None:
    site.answers["/media/a.jpg"] = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + BODY)
    with pytest.raises(OriginUnavailable, match="broke off"):
        take(SitePlace(address=f"{site.url}/media", fetcher=fetcher(site)), "a.jpg", {})
    assert files_under(temporary) == []


@pytest.fixture
def certified(tmp_path: Path) -> Callable[[str], tuple[Path, Path]]:
    return partial(certificate, tmp_path)


@pytest.mark.parametrize(
    ("certificate_of", "trusted", "right"),
    [
        ("localhost", True, True),
        ("elsewhere.example", True, False),
        ("localhost", False, False),
        ("127.0.0.1", True, False),
    ],
)
def test_the_certificate_is_checked_for_the_name_although_the_address_is_pinned(
    certified: Callable[[str], tuple[Path, Path]],
    monkeypatch: pytest.MonkeyPatch,
    certificate_of: str,
    trusted: bool,
    right: bool,
) -> None:
    private, public = certified(certificate_of)
    if trusted:
        monkeypatch.setattr(wire, "tls_context", lambda: ssl.create_default_context(cafile=str(public)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    names: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: names.append(name)

    class Answering(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(200)
            self.end_headers()
            self.wfile.write(self.headers["Host"].encode())

    server = HTTPServer(("127.0.0.1", 0), Answering)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # who breaks off the handshake is meant
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    try:
        reach = Reach(sites=frozenset({("localhost", server.server_port)}), private_networks=(*LOOPBACK, "::1/128"))
        fetch = Fetcher(reach=reach, max_bytes=1000, timeout_seconds=5)
        url = f"https://localhost:{server.server_port}/a.jpg"
        if right:
            with fetch.open(url, {}) as opened:
                assert opened is not None
                assert b"".join(opened.chunks) == f"localhost:{server.server_port}".encode()
        else:
            with pytest.raises(OriginUnavailable, match="certificate"), fetch.open(url, {}):
                raise AssertionError("it was opened")
    finally:
        thread.join()
        server.server_close()
    assert names == ["localhost"]
