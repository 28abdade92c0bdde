"""Settings that make no sense are told when Django starts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from apikeys import tokens
from apikeys.client_ip import networks
from apikeys.gcra import MAX_BURST, MAX_RATE, MIN_RATE, Limit


@register()
def check_settings(**_kwargs: Any) -> list[CheckMessage]:
    return [*_check_env(), *_check_limits(), *_check_proxies()]


def _check_env() -> Iterator[CheckMessage]:
    env = settings.IMGOPT_APIKEYS_ENV
    if not isinstance(env, str) or not tokens.ENV.fullmatch(env):
        yield Error(
            f"Expected a lower-case word of up to {tokens.MAX_ENV_LENGTH} letters and digits for IMGOPT_APIKEYS_ENV, "
            f"such as live, received {env!r}.",
            id="apikeys.E001",
        )


def _check_limits() -> Iterator[CheckMessage]:
    pairs = (
        ("E002", "IMGOPT_APIKEYS_RATE", "IMGOPT_APIKEYS_BURST"),
        ("E003", "IMGOPT_APIKEYS_ANONYMOUS_RATE", "IMGOPT_APIKEYS_ANONYMOUS_BURST"),
    )
    for code, rate_name, burst_name in pairs:
        rate, burst = getattr(settings, rate_name), getattr(settings, burst_name)
        if not _is_limit(rate, burst):
            yield Error(
                f"Expected a number from {MIN_RATE} to {MAX_RATE:.0f} for {rate_name} and an integer from 1 to "
                f"{MAX_BURST} for {burst_name}, received {rate!r} and {burst!r}.",
                id=f"apikeys.{code}",
            )


def _is_limit(rate: object, burst: object) -> bool:
    if not isinstance(rate, int | float) or type(burst) is not int:
        return False
    try:
        Limit(rate=rate, burst=burst)
    except ValueError:
        return False
    return True


def _check_proxies() -> Iterator[CheckMessage]:
    for text in settings.IMGOPT_TRUSTED_PROXIES:
        try:
            (network,) = networks((text,))
        except ValueError:
            yield Error(
                f"Expected networks such as 10.0.0.0/8 in IMGOPT_TRUSTED_PROXIES, received {text!r}.",
                id="apikeys.E004",
            )
            continue
        if network.prefixlen == 0:
            yield Error(
                f"Expected the networks of your proxies in IMGOPT_TRUSTED_PROXIES, received {text}, which is everyone: "
                "then every caller could claim any address.",
                id="apikeys.E005",
            )
