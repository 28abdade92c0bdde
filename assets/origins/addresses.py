"""Which network addresses are public: a table of all that are not, after IANA's registries of special addresses."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Written out, because `ipaddress.is_global` has changed its mind from one Python to the next.
_NOT_PUBLIC_4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's platform, which a virtual machine sees at this public address
        "169.254.0.0/16",  # link-local, with the clouds' metadata services
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
_PUBLIC_6 = IPv6Network("2000::/3")
"""All that has been given out; loopback, mapped IPv4, ULA, link-local, site-local and multicast lie outside."""
_NOT_PUBLIC_6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which has any IPv4 address in it
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")
"""How an IPv6-only network writes the IPv4 world; the last 32 bits decide. (64:ff9b:1::/48 is for local use.)"""
_ISATAP = (0x00005EFE, 0x02005EFE)
"""The third quarter of an address below any prefix that tunnels to the IPv4 address in the fourth."""


def is_public(address: Address) -> bool:
    """Whether anybody on the internet could mean this address.

    >>> is_public(ip_address("93.184.215.14")), is_public(ip_address("::ffff:93.184.215.14"))
    (True, False)
    """
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_4)
    if address.scope_id is not None:
        return False
    embedded = IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _NAT64:
        return is_public(embedded)
    if int(address) >> 32 & 0xFFFFFFFF in _ISATAP and not is_public(embedded):
        return False
    return address in _PUBLIC_6 and not any(address in network for network in _NOT_PUBLIC_6)


def may_go_to(address: str, private_networks: Sequence[str]) -> bool:
    """Whether a fetch may go to an address: a public one, or one in a network that the operator has named."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.scope_id is not None:
        return False
    named: list[Network] = [ip_network(text, strict=False) for text in private_networks]
    return is_public(parsed) or any(parsed in network for network in named)
