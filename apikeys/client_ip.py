"""Who is calling: the right-most address that no trusted proxy vouches for.

`X-Forwarded-For` is text that anybody can send. Only what a trusted proxy appended may be believed, and that is read
from the right: each trusted address vouches for the entry before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

UNKNOWN = "unknown"
"""The caller of a Unix socket, or of a server that does not tell: they all share one limit."""

MAX_HOPS = 32
MAX_ENTRY_LENGTH = 64
WITH_PORT = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d{1,5})?|([0-9.]+):\d{1,5}", re.ASCII)


@lru_cache(maxsize=16)
def networks(cidrs: tuple[str, ...]) -> tuple[Network, ...]:
    """This will parse texts such as `10.0.0.0/8`, or raise `ValueError`."""
    return tuple(ip_network(cidr, strict=False) for cidr in cidrs)


def client_ip(remote_addr: str, x_forwarded_for: str, trusted: Iterable[Network]) -> str:
    """This will give the caller's address, or `UNKNOWN`; any header text is survived.

    >>> client_ip("10.0.0.1", "6.6.6.6, 203.0.113.9", networks(("10.0.0.0/8",)))
    '203.0.113.9'
    >>> client_ip("198.51.100.7", "203.0.113.9", networks(("10.0.0.0/8",)))
    '198.51.100.7'
    """
    current = _address(remote_addr)
    if current is None:
        return UNKNOWN
    trusted = tuple(trusted)
    for entry in reversed(x_forwarded_for.rsplit(",", MAX_HOPS)[-MAX_HOPS:]):
        if not any(current in network for network in trusted):
            break
        before = _address(entry)
        if before is None:  # then the proxy that wrote it is the last one known
            break
        current = before
    return str(current)


def limit_group(address: str) -> str:
    """This will give what shares a limit: an IPv4 address, or the /64 that one IPv6 caller owns.

    >>> limit_group("2001:db8:1:2:3:4:5:6")
    '2001:db8:1:2::/64'
    """
    parsed = _address(address)
    if parsed is None:
        return UNKNOWN
    return str(ip_network((parsed, 64), strict=False)) if isinstance(parsed, IPv6Address) else str(parsed)


def _address(text: str) -> Address | None:
    """One address, with or without a port; `::ffff:192.0.2.1` is the IPv4 address it stands for."""
    text = text.strip()
    if len(text) > MAX_ENTRY_LENGTH:
        return None
    if match := WITH_PORT.fullmatch(text):
        text = match.group(1) or match.group(2)
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        # The zone after % is any text; leave it out.
        return address.ipv4_mapped or IPv6Address(int(address))
    return address
