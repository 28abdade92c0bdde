"""What is to be imported: the files of a folder, the objects of a bucket, a list of addresses."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.conf import settings

from assets.origins.bucket import BucketPlace
from assets.origins.folder import FolderPlace
from assets.origins.guard import Reach, target_of
from assets.origins.opened import Opened, Place, Said
from assets.origins.places import bucket_of, fetcher, folder_of
from pipeline.errors import BadParameter


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One picture to import."""

    place: Place
    path: str
    """Where it lies in its place; of an address, its path without the query, which may hold a secret."""
    said: Said = field(default_factory=dict)
    address: str = ""

    @property
    def shown(self) -> str:
        """The path in what a terminal and a table can show; a file's name may hold anything but a slash."""
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in self.path)

    @property
    def identity(self) -> str:
        """Stands for the picture and its state in what is remembered of an import."""
        text = json.dumps([self.address or self.path, dict(self.said)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    label: str
    items: Iterable[Item]
    origin: str = ""
    """Name of the origin whose bytes are used where they lie; empty: they are copied."""
    below: str = ""
    """Where the items lie at that origin: empty, or a path that ends in a slash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPlace:
    """One address of a list. The operator has named its host, so that any public one is right."""

    address: str
    in_place: bool = False

    @contextmanager
    def open(self, path: str, known: Said) -> Iterator[Opened | None]:
        networks = tuple(settings.CONFIG.origins_private_networks)
        reach = Reach(sites=None, ports=frozenset({target_of(self.address).port}), private_networks=networks)
        with fetcher(reach).open(self.address, known) as opened:
            yield opened


def source_of(text: str) -> Source:
    """This will find a folder, a file or a bucket, or raise `BadParameter`."""
    most = settings.CONFIG.upload_max_bytes
    if text.startswith("s3://"):
        bucket, prefix = bucket_of(text)
        seconds = settings.CONFIG.origins_timeout_seconds
        place = BucketPlace(bucket=bucket, prefix=prefix, max_bytes=most, timeout_seconds=seconds)
        return Source(label=text, items=(Item(place=place, path=path, said=said) for path, said in place.paths()))
    path = Path(text).absolute()
    if path.is_dir():
        folder = FolderPlace(root=path, max_bytes=most)
        return Source(
            label=str(path), items=(Item(place=folder, path=name, said=said) for name, said in folder.paths())
        )
    if path.is_file():
        folder = FolderPlace(root=path.parent, max_bytes=most)
        return Source(label=str(path), items=[Item(place=folder, path=path.name)])
    raise BadParameter(f"Expected a folder, a file or s3://bucket/prefix, received {text!r}.")


def listed_source(file: Path) -> Source:
    """This will read addresses, one a line; empty lines and those that begin with # are passed over."""
    try:
        lines = [line.strip() for line in file.read_text().splitlines()]
    except (OSError, ValueError) as error:
        raise BadParameter(f"Expected a text file with one address a line, received {str(file)!r}.") from error
    items = [_listed(line) for line in lines if line and not line.startswith("#")]
    return Source(label=str(file.absolute()), items=items)


def _listed(address: str) -> Item:
    """What is no address is refused later, one by one, when it is opened."""
    try:
        path = unquote(urlsplit(address).path).strip("/")
    except ValueError:
        path = ""
    return Item(place=AddressPlace(address=address), path=path or "picture", address=address)


def in_place_source(text: str) -> Source:
    """This will find the configured origin in which a folder, file or bucket lies, or raise `BadParameter`."""
    found = source_of(text)
    for name, address in settings.CONFIG.origins:
        below = _below(text, address)
        if below is not None:
            return Source(label=found.label, items=found.items, origin=name, below=below)
    raise BadParameter(f"Expected a path below one of IMGOPT_ORIGINS for an import in place, received {text!r}.")


def _below(text: str, address: str) -> str | None:
    if text.startswith("s3://") and address.startswith("s3://"):
        (bucket, prefix), (its_bucket, its_prefix) = bucket_of(text), bucket_of(address)
        return prefix.removeprefix(its_prefix) if bucket == its_bucket and prefix.startswith(its_prefix) else None
    if address.startswith("file:") and not text.startswith("s3://"):
        path, root = Path(text).resolve(), folder_of(address).resolve()
        folder = path if path.is_dir() else path.parent
        if folder.is_relative_to(root):
            below = folder.relative_to(root).as_posix()
            return "" if below == "." else f"{below}/"
    return None
