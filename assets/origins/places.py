"""The origins of the settings, by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from django.conf import settings

from assets.origins.bucket import BucketPlace
from assets.origins.errors import OriginNotFound
from assets.origins.fetch import Fetcher
from assets.origins.folder import FolderPlace
from assets.origins.guard import PORTS, Reach, target_of
from assets.origins.opened import Opened, Place, Said


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePlace:
    """A web site; what it shows today it may not show tomorrow, so its pictures are copied."""

    address: str
    fetcher: Fetcher
    in_place: bool = False

    @contextmanager
    def open(self, path: str, known: Said) -> Iterator[Opened | None]:
        with self.fetcher.open(f"{self.address}/{quote(path)}", known) as opened:
            yield opened


def place_of(origin: str) -> Place:
    """This will give an origin that the operator has allowed, or raise `OriginNotFound`."""
    address = dict(settings.CONFIG.origins).get(origin)
    if address is None:
        raise OriginNotFound(f"There is no origin called {origin!r}.")
    return place_at(address)


def place_at(address: str) -> Place:
    config = settings.CONFIG
    if address.startswith("file:"):
        return FolderPlace(root=folder_of(address), max_bytes=config.origins_max_bytes)
    if address.startswith("s3:"):
        bucket, prefix = bucket_of(address)
        return BucketPlace(
            bucket=bucket,
            prefix=prefix,
            max_bytes=config.origins_max_bytes,
            timeout_seconds=config.origins_timeout_seconds,
        )
    return SitePlace(address=address, fetcher=fetcher(Reach(sites=_sites(), private_networks=_private_networks())))


def fetcher(reach: Reach) -> Fetcher:
    config = settings.CONFIG
    return Fetcher(reach=reach, max_bytes=config.origins_max_bytes, timeout_seconds=config.origins_timeout_seconds)


def folder_of(address: str) -> Path:
    """`file:` alone is what is left of `file:///` without its closing slashes."""
    return Path(unquote(address.removeprefix("file:").removeprefix("//")) or "/")


def bucket_of(address: str) -> tuple[str, str]:
    """This will give bucket and prefix; the prefix is empty or ends in a slash.

    >>> bucket_of("s3://pictures/2026")
    ('pictures', '2026/')
    """
    bucket, _, prefix = address.removeprefix("s3://").rstrip("/").partition("/")
    return bucket, f"{prefix}/" if prefix else ""


def _private_networks() -> tuple[str, ...]:
    return tuple(settings.CONFIG.origins_private_networks)


def _sites() -> frozenset[tuple[str, int]]:
    """Where redirects may lead: to every site among the origins, also from http:// to https:// of the same one."""
    targets = [target_of(address) for _, address in settings.CONFIG.origins if address.startswith("http")]
    return frozenset(site for target in targets for site in (target.site, (target.host, PORTS["https"])))
