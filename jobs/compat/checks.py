"""A job API that is open to more than a private network is told of when Django starts."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Final

from django.conf import settings
from django.core.checks import CheckMessage, Warning, register

PRIVATE: Final = tuple(
    ip_network(text)
    for text in (
        "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10",
        "::1/128", "fc00::/7", "fe80::/10",
    )
)  # fmt: skip
"""RFC 1918, 3927, 4193, 4291 and 6598. Python's own `is_private` counts 0.0.0.0/0 too."""


@register()
def check_open_networks(**_: Any) -> list[CheckMessage]:
    return [
        Warning(
            f"IMGOPT_JOBS_OPEN_NETWORKS has {text}, which is no private network: everybody there may store images, "
            "have them copied and read those whose ids they know, without a key and without a limit.",
            hint="Name the networks of your own machines, such as 10.0.0.0/8.",
            id="jobs.W001",
        )
        for text in settings.CONFIG.jobs_open_networks
        if not _is_private(ip_network(text, strict=False))
    ]


def _is_private(network: IPv4Network | IPv6Network) -> bool:
    return any(
        network.version == known.version and network.subnet_of(known)  # type: ignore[arg-type]
        for known in PRIVATE
    )
