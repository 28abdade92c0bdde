"""Where a fetch may go: a table of addresses, of spellings, and a resolver that changes its mind."""

from __future__ import annotations

import socket
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.origins import guard
from assets.origins.addresses import is_public, may_go_to
from assets.origins.deadline import Deadline
from assets.origins.errors import OriginRefused, OriginTimeout, OriginUnavailable
from assets.origins.fetch import Fetcher
from assets.origins.guard import Reach, addresses_of, target_of
from tests.assets.origins.site import Site

PUBLIC = (
    "1.1.1.1", "8.8.8.8", "93.184.215.14", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
    "126.255.255.255", "128.0.0.1", "168.63.129.15", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0",
    "192.0.1.0", "192.0.3.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255",
    "2001:4860:4860::8888", "2606:4700::1111", "2a00:1450:4001::1", "2001:200::1", "2003::1", "3ffe::1",
    "64:ff9b::8.8.8.8", "2606:4700::5efe:8.8.8.8", "2606:4700::5eff:10.0.0.1",
)  # fmt: skip
NOT_PUBLIC = (
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255",
    "127.0.0.1", "127.1.2.3", "168.63.129.16", "169.254.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255",
    "192.0.0.8", "192.0.0.170", "192.0.2.1", "192.88.99.1", "192.168.0.1", "192.168.255.255", "198.18.0.1",
    "198.19.255.255", "198.51.100.7", "203.0.113.7", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::7f00:1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:8.8.8.8",
    "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b:1::8.8.8.8", "100::1", "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::",
    "2002:808:808::", "3fff::1", "4000::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0",
    "fec0::1", "ff02::1", "2606:4700::1111%eth0", "2606:4700::5efe:10.0.0.1", "2606:4700::200:5efe:169.254.169.254",
)  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_goes_to_a_public_address(address: str) -> None:
    assert may_go_to(address, ())


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_goes_to_no_other(address: str) -> None:
    assert not may_go_to(address, ())


def test_the_table_is_long_enough() -> None:
    assert len(set(PUBLIC + NOT_PUBLIC)) == len(PUBLIC + NOT_PUBLIC) >= 80


@given(st.ip_addresses())
def test_what_python_knows_as_private_is_never_public(address: Any) -> None:
    special = address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified
    if special or (address.is_private and address not in ip_network("64:ff9b::/96")):
        assert not is_public(address)


def test_a_network_that_the_operator_names_is_open_and_its_neighbours_are_not() -> None:
    networks = ("10.1.0.0/16", "fd00:1::/32")
    assert may_go_to("10.1.2.3", networks)
    assert may_go_to("fd00:1::5", networks)
    for address in ("10.2.0.1", "fd00:2::5", "::ffff:10.1.2.3", "127.0.0.1", "fd00:1::5%eth0"):
        assert not may_go_to(address, networks)
    assert not may_go_to("not an address", networks)


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("http://shop.example.com", "shop.example.com", 80, "/"),
        ("https://Shop.Example.COM/a/b.jpg?x=1&y=2", "shop.example.com", 443, "/a/b.jpg?x=1&y=2"),
        ("https://shop.example.com.:8443/a", "shop.example.com", 8443, "/a"),
        ("http://93.184.215.14/a", "93.184.215.14", 80, "/a"),
        ("http://[2606:4700::1111]:8080/a", "2606:4700::1111", 8080, "/a"),
        ("http://xn--bcher-kva.example/%C3%A4", "xn--bcher-kva.example", 80, "/%C3%A4"),
        ("http://my_host/a", "my_host", 80, "/a"),
    ],
)
def test_takes_an_address_apart(url: str, host: str, port: int, path: str) -> None:
    target = target_of(url)
    assert (target.host, target.port, target.path) == (host, port, path)


ODD = (
    "file:///etc/passwd", "gopher://shop.example.com/", "ftp://shop.example.com/", "data:image/png;base64,AA",
    "//shop.example.com/", "shop.example.com/a", "", "http://", "http:///a", "http://user@shop.example.com/",
    "http://user:pass@shop.example.com/", "http://shop.example.com@10.0.0.1/", "http://shop.example.com\\@10.0.0.1/",
    "http://shop.example.com/a b", "http://shop.example.com/\n", "http://shop.example.com/\r\nHost: x",
    "http://shop.example.com/ä", "http://shöp.example.com/", "http://0x7f000001/", "http://2130706433/",
    "http://127.1/", "http://127.0.1/", "http://0177.0.0.1/", "http://127.0.0.01/", "http://0x7f.0.0.1/",
    "http://256.0.0.1/", "http://1.2.3.4.5/", "http://shop.example.1/", "http://0x/", "http://1.2.3.4../",
    "http://%31%32%37.0.0.1/", "http://[::1%25eth0]/", "http://[fe80::1%eth0]/", "http://[::1/", "http://[shop]/",
    "http://１２７.0.0.1/", "http://shop.example.com:0/", "http://shop.example.com:99999/",
    "http://shop.example.com:http/", "http://-shop.example.com/", "http://shop..example.com/", "http://.example.com/",
    "http://shop.example.com/" + "a" * 2048, "http://a|b.example/", "http://shop\x00.example/",
)  # fmt: skip


@pytest.mark.parametrize("url", ODD)
def test_refuses_an_address_that_could_be_read_in_two_ways(url: str) -> None:
    with pytest.raises(OriginRefused):
        target_of(url)


def reach(*sites: tuple[str, int]) -> Reach:
    return Reach(sites=frozenset(sites) or None)


def test_goes_to_the_hosts_and_ports_of_origins_only() -> None:
    known = reach(("shop.example.com", 443), ("shop.example.com", 8443))
    for url in ("https://shop.example.com/a", "https://shop.example.com.:8443/b"):
        known.check(target_of(url))
    for url in ("https://other.example.com/", "https://shop.example.com:6379/", "http://shop.example.com/"):
        with pytest.raises(OriginRefused):
            known.check(target_of(url))


def test_where_the_operator_names_addresses_every_host_is_right_and_not_every_port() -> None:
    for url in ("http://a.example/", "https://b.example/"):
        reach().check(target_of(url))
    with pytest.raises(OriginRefused):
        reach().check(target_of("http://a.example:6379/"))
    Reach(sites=None, ports=frozenset({6379})).check(target_of("http://a.example:6379/"))


def answers(*addresses: str) -> Any:
    """This will give what a resolver answers."""

    def lookup(_host: str, port: int) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        for text in addresses:
            address, _, scope = text.partition("%")
            if ip_address(address).version == 4:
                found.append((socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)))
            else:
                found.append((socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port, 0, int(scope or 0))))
        return found

    return lookup


@pytest.mark.parametrize(
    "addresses",
    [
        ("10.0.0.1",),
        ("93.184.215.14", "10.0.0.1"),
        ("2606:4700::1111", "::1"),
        ("2606:4700::1111%2",),
        ("::ffff:10.0.0.1",),
    ],
)
def test_one_address_that_is_not_public_refuses_the_host(
    monkeypatch: pytest.MonkeyPatch, addresses: tuple[str, ...]
) -> None:
    monkeypatch.setattr(guard, "lookup", answers(*addresses))
    with pytest.raises(OriginRefused, match=r"shop\.example\.com"):
        addresses_of(target_of("https://shop.example.com/"), reach(), Deadline(5))


def test_all_public_addresses_are_given_as_they_were_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "lookup", answers("93.184.215.14", "2606:4700::1111"))
    found = addresses_of(target_of("https://shop.example.com/"), reach(), Deadline(5))
    assert [place[0] for *_, place in found] == ["93.184.215.14", "2606:4700::1111"]


@pytest.mark.parametrize("failure", [socket.gaierror("no such host"), UnicodeError("label too long")])
def test_a_host_that_is_not_there_is_unavailable(monkeypatch: pytest.MonkeyPatch, failure: Exception) -> None:
    def lookup(*_: Any) -> Any:
        raise failure

    monkeypatch.setattr(guard, "lookup", lookup)
    with pytest.raises(OriginUnavailable, match="cannot be found"):
        addresses_of(target_of("https://shop.example.com/"), reach(), Deadline(5))


def test_a_resolver_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, site: Site) -> None:
    monkeypatch.setattr(guard, "lookup", lambda *_: site.over.wait(20) and [])
    with pytest.raises(OriginTimeout):
        addresses_of(target_of("https://shop.example.com/"), reach(), Deadline(0.05))


@pytest.mark.parametrize("host", ["localhost", "localhost."])
def test_names_of_this_machine_are_refused(host: str) -> None:
    with pytest.raises(OriginRefused):
        addresses_of(target_of(f"http://{host}/"), reach(), Deadline(5))


def test_a_host_is_looked_up_once_and_that_address_is_the_one_that_is_connected_to(
    monkeypatch: pytest.MonkeyPatch, site: Site
) -> None:
    """DNS rebinding: the second answer of the resolver would be a private address, and nobody asks for it."""
    turns = [answers("93.184.215.14"), answers("10.0.0.1")]
    monkeypatch.setattr(guard, "lookup", lambda host, port: turns.pop(0)(host, port))
    connected: list[Any] = []

    class Socket(socket.socket):
        def connect(self, place: Any) -> None:
            connected.append(place)
            super().connect(("127.0.0.1", site.port))

    monkeypatch.setattr("assets.origins.wire.socket.socket", Socket)
    site.shows("/a.jpg", b"picture")
    fetcher = Fetcher(reach=reach(), max_bytes=1000, timeout_seconds=5)
    with fetcher.open("http://rebinding.example/a.jpg", {}) as opened:
        assert opened is not None
        assert b"".join(opened.chunks) == b"picture"
    assert connected == [("93.184.215.14", 80)]
    assert len(turns) == 1, "it was asked once"
    assert site.asked[0][1]["host"] == "rebinding.example"
