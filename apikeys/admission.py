"""The limits that the settings ask for, applied to keys and to callers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NoReturn

from django.conf import settings
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from apikeys import service, tokens
from apikeys.client_ip import UNKNOWN, client_ip, limit_group, networks
from apikeys.errors import InvalidKey, RateLimited
from apikeys.limits import LimitStore, SqliteLimitStore, Verdict
from apikeys.models import ApiKey
from pipeline.errors import ImgoptError

STRANGERS = "stranger"
FORWARDING = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_FORWARDED",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_REAL_IP",
    "HTTP_VIA",
)
RELOAD_SECONDS = 1.0


def limit_store() -> LimitStore:
    """This will give the buckets of this machine, or those of all machines where there is a Redis."""
    own, config = _sqlite_store(Path(settings.IMGOPT_DATA_DIR) / "limits.sqlite3"), settings.CONFIG
    return _shared_store(config.redis_url, config.redis_prefix, own) if config.redis_url else own


@lru_cache(maxsize=1)
def _sqlite_store(path: Path) -> SqliteLimitStore:
    return SqliteLimitStore(path)


@lru_cache(maxsize=1)
def _shared_store(_url: str, prefix: str, own: SqliteLimitStore) -> LimitStore:
    # To import Redis's client takes a quarter of a second, which the embedded shape has no use for.
    from django_redis import get_redis_connection

    from apikeys.shared_limits import SharedLimitStore

    return SharedLimitStore(get_redis_connection("shared"), prefix, own)


def caller_of(environ: Mapping[str, Any]) -> str:
    """This will give the client's address. `environ` is WSGI's, which Django calls `request.META`."""
    return client_ip(
        str(environ.get("REMOTE_ADDR", "")),
        str(environ.get("HTTP_X_FORWARDED_FOR", "")),
        networks(tuple(settings.IMGOPT_TRUSTED_PROXIES)),
    )


def is_from(environ: Mapping[str, Any], cidrs: tuple[str, ...]) -> bool:
    """This will tell whether the caller's address lies in one of these networks.

    Nobody's does who came through a proxy that is not trusted to tell it: a proxy on the same host must not open to
    the world what is open to this host, because its own address is a local one.
    """
    if not cidrs:
        return False
    remote, forwarded_for = str(environ.get("REMOTE_ADDR", "")), str(environ.get("HTTP_X_FORWARDED_FOR", ""))
    caller = client_ip(remote, forwarded_for, networks(tuple(settings.IMGOPT_TRUSTED_PROXIES)))
    was_forwarded = any(name in environ for name in FORWARDING)
    if caller == UNKNOWN or (was_forwarded and caller == client_ip(remote, "", ())):
        return False
    address = ip_address(caller)
    return any(address in network for network in networks(cidrs))


def admit_ip(environ: Mapping[str, Any], bucket_prefix: str, rate: float, burst: int) -> Verdict:
    """This will count one call against its client's bucket: an IPv4 address, or an IPv6 /64.

    `bucket_prefix` keeps things apart that have limits of their own, such as `login` and `miss`.
    """
    return limit_store().admit(f"{bucket_prefix}:{limit_group(caller_of(environ))}", rate, burst)


def admit_key(key: ApiKey) -> None:
    """This will count one call of `key`, or raise `RateLimited`."""
    verdict = limit_store().admit(f"key:{key.pk}", key.rate_per_second, key.burst)
    if not verdict.admitted:
        raise RateLimited(
            f"Expected at most {key.rate_per_second:g} calls a second ({key.burst} at once) for the key {key.prefix}, "
            "received more.",
            verdict.retry_after_seconds,
        )


def admit_stranger(environ: Mapping[str, Any]) -> None:
    """This will count one call without a right key, or raise `RateLimited`."""
    rate, burst = settings.IMGOPT_APIKEYS_ANONYMOUS_RATE, settings.IMGOPT_APIKEYS_ANONYMOUS_BURST
    verdict = admit_ip(environ, STRANGERS, rate, burst)
    if not verdict.admitted:
        raise RateLimited(
            f"Expected at most {rate:g} calls a second ({burst} at once) without a valid API key from one address, "
            "received more.",
            verdict.retry_after_seconds,
        )


def refuse_stranger(environ: Mapping[str, Any], error: ImgoptError) -> NoReturn:
    """This will count the call and raise `error`, or `RateLimited` if there were too many."""
    admit_stranger(environ)
    raise error


@sensitive_variables("token")
def authenticate(token: str, environ: Mapping[str, Any]) -> ApiKey:
    """This will give the key of `token`, or raise `InvalidKey`, or `RateLimited` without a look into the database.

    Whoever comes with a right key is let in however many wrong keys come from the same address.
    """
    try:
        tokens.parse(token)
    except InvalidKey as error:
        refuse_stranger(environ, error)
    digest = tokens.digest_of(token)
    familiar = RIGHT_DIGESTS.has(digest)
    if not familiar:
        try:
            admit_stranger(environ)
        except RateLimited:
            if not RIGHT_DIGESTS.has_after_reload(digest):
                raise
    try:
        key = service.authenticate(token)
    except InvalidKey as error:
        RIGHT_DIGESTS.discard(digest)
        if familiar:  # ended since: not counted yet
            refuse_stranger(environ, error)
        raise
    RIGHT_DIGESTS.add(digest)
    return key


class RightDigests:
    """Which digests belong to usable keys, as far as this process knows.

    It lets nobody in: it only decides for whom the database is asked although their address is over its limit. It is
    read from the database only then, once a second at most, and so a key younger than that may get a 429 there.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: set[str] = set()
        self._read_at = float("-inf")

    def has(self, digest: str) -> bool:
        return digest in self._known

    def has_after_reload(self, digest: str) -> bool:
        with self._lock:
            now = self._clock()
            if now - self._read_at >= RELOAD_SECONDS:
                self._known = set(ApiKey.objects.usable(timezone.now()).values_list("digest", flat=True))
                self._read_at = now
        return digest in self._known

    def add(self, digest: str) -> None:
        with self._lock:
            self._known.add(digest)

    def discard(self, digest: str) -> None:
        with self._lock:
            self._known.discard(digest)

    def clear(self) -> None:
        with self._lock:
            self._known = set()
            self._read_at = float("-inf")


RIGHT_DIGESTS = RightDigests()
