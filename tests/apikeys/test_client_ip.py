from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apikeys.client_ip import UNKNOWN, client_ip, limit_group, networks

TRUSTED = networks(("10.0.0.0/8", "fd00::/8", "192.0.2.1"))

TABLE = [
    # remote address, X-Forwarded-For, the client
    ("203.0.113.9", "", "203.0.113.9"),
    ("203.0.113.9", "1.2.3.4", "203.0.113.9"),  # not a proxy of ours: what it says counts for nothing
    ("10.0.0.1", "", "10.0.0.1"),
    ("10.0.0.1", "1.2.3.4", "1.2.3.4"),
    ("10.0.0.1", "6.6.6.6, 1.2.3.4", "1.2.3.4"),  # the left one is what the client itself claimed
    ("10.0.0.1", "6.6.6.6, 1.2.3.4, 10.9.9.9", "1.2.3.4"),
    ("10.0.0.1", "6.6.6.6, 1.2.3.4 ,192.0.2.1,10.9.9.9", "1.2.3.4"),
    ("10.0.0.1", "10.0.0.7, 10.0.0.8", "10.0.0.7"),  # nobody but our own: the farthest
    ("10.0.0.1", "1.2.3.4:4711", "1.2.3.4"),
    ("10.0.0.1", "[2001:db8::1]:443", "2001:db8::1"),
    ("10.0.0.1", "[2001:db8::1]", "2001:db8::1"),
    ("fd00::1", "2001:db8::1", "2001:db8::1"),
    ("::ffff:10.0.0.1", "1.2.3.4", "1.2.3.4"),
    ("10.0.0.1", "::ffff:1.2.3.4", "1.2.3.4"),
    ("10.0.0.1", "fe80::1%<script>", "fe80::1"),
    ("10.0.0.1", "1.2.3.4, unknown", "10.0.0.1"),  # nonsense vouches for nothing on its left
    ("10.0.0.1", "1.2.3.4,", "10.0.0.1"),
    ("10.0.0.1", "1.2.3", "10.0.0.1"),
    ("10.0.0.1", "١٢.2.3.4", "10.0.0.1"),
    ("10.0.0.1", "1.2.3.4" + " " * 100_000, "1.2.3.4"),
    ("10.0.0.1", "6.6.6.6," * 100_000 + "1.2.3.4", "1.2.3.4"),
    ("10.0.0.1", "9" * 100_000, "10.0.0.1"),
    ("", "1.2.3.4", UNKNOWN),
    ("unix:", "1.2.3.4", UNKNOWN),
]


@pytest.mark.parametrize("remote_addr, forwarded, expected", TABLE, ids=range(len(TABLE)))
def test_the_client_is_the_right_most_untrusted_address(remote_addr: str, forwarded: str, expected: str) -> None:
    assert client_ip(remote_addr, forwarded, TRUSTED) == expected


def test_without_trusted_proxies_the_header_counts_for_nothing() -> None:
    assert client_ip("10.0.0.1", "1.2.3.4", ()) == "10.0.0.1"


@given(st.text(), st.text(alphabet=st.sampled_from("0123456789abcdef.:,[]% x\0é")))
def test_any_header_text_is_survived(remote_addr: str, forwarded: str) -> None:
    client_ip(remote_addr, forwarded, TRUSTED)
    client_ip("10.0.0.1", forwarded, TRUSTED)
    limit_group(forwarded)


@pytest.mark.parametrize(
    "address, expected",
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        (UNKNOWN, UNKNOWN),
    ],
)
def test_an_ipv6_caller_is_its_whole_64(address: str, expected: str) -> None:
    assert limit_group(address) == expected


def test_refuses_what_is_no_network() -> None:
    with pytest.raises(ValueError, match="proxy"):
        networks(("proxy",))
