"""The page that says what a backup has, and that it is whole."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from django.apps import apps
from django.db import connections
from django.db.migrations.loader import MigrationLoader

FORMAT = 1
NAME, ROWS, MASTERS, DIGESTS = "manifest.json", "rows.jsonl.gz", "masters", "masters.sha256"
CHUNK_BYTES = 1 << 20
STORED = re.compile(r"[0-9a-f]{2}/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""A blob's `storage_name`."""


class NotRestored(Exception):
    """A backup does not fit, or is not whole; the sentence says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    release: str
    made_at: str
    migrations: list[str]
    """The newest of each app: rows fit tables of the same form only."""
    rows: int
    rows_sha256: str
    masters: int
    master_bytes: int
    has_masters: bool
    digests_sha256: str
    format: int = FORMAT

    def write(self, folder: Path) -> None:
        fresh = folder / f".{NAME}"
        fresh.write_text(json.dumps(asdict(self), indent=2) + "\n")
        fresh.replace(folder / NAME)


def read(folder: Path) -> Manifest:
    """This will read the manifest and hold the rows and the list of digests to it, or raise `NotRestored`."""
    try:
        found = Manifest(**json.loads((folder / NAME).read_text()))
    except FileNotFoundError as error:
        raise NotRestored(f"Expected the folder of a backup that was finished, received {folder}.") from error
    except (ValueError, TypeError) as error:
        raise NotRestored(f"Expected a manifest of format {FORMAT} in {folder}, received something else.") from error
    if found.format != FORMAT:
        raise NotRestored(f"Expected a backup of format {FORMAT}, received one of {found.format}.")
    for name, digest in ((ROWS, found.rows_sha256), (DIGESTS, found.digests_sha256)):
        if sha256_of(folder / name) != digest:
            raise NotRestored(f"{name} is not what the manifest says: the backup is damaged.")
    return found


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def newest_migrations() -> list[str]:
    """This will name the last migration of each app, as `app.0001_name`."""
    leaves = MigrationLoader(connections["default"]).graph.leaf_nodes()
    return sorted(f"{app}.{name}" for app, name in leaves if app in {each.label for each in apps.get_app_configs()})


def digests(folder: Path) -> Iterator[tuple[str, str]]:
    """This will give the name and digest of each master. A name is a place in the storage: it is held to its form."""
    with (folder / DIGESTS).open() as lines:
        for line in lines:
            digest, _, path = line.rstrip("\n").partition("  ")
            name = path.removeprefix(f"{MASTERS}/")
            if not STORED.fullmatch(name):
                raise NotRestored(f"Expected the place of a master in {DIGESTS}, received {path[:80]!r}.")
            yield name, digest
