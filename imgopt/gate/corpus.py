"""The pictures that are rendered: files of a folder, or masters."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from assets.blobs import blob_source
from assets.models import Master
from delivery.purge import masters_tagged, masters_under
from pipeline.errors import BadParameter, ImgoptError
from pipeline.sniff import SNIFF_BYTES, sniff

MASTERS: Final = "masters:"
TAG: Final = "tag="


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    name: str
    """Its path below the folder, or the master's key or id."""
    digest: str
    source: Path | Master

    def bytes_or_path(self) -> bytes | str:
        """Raises `StorageUnavailable`."""
        return str(self.source) if isinstance(self.source, Path) else blob_source(self.source.blob)


def corpus(said: str) -> list[Picture]:
    """This will list the pictures of a folder, of `masters:` and the beginning of their keys, or of `masters:tag=` and
    a tag; the same bytes once, in the order of their names. Raises BadParameter.
    """
    found = _masters(said.removeprefix(MASTERS)) if said.startswith(MASTERS) else _files(Path(said))
    once: dict[str, Picture] = {}
    for picture in sorted(found, key=lambda each: each.name):
        once.setdefault(picture.digest, picture)
    if not once:
        raise BadParameter(f"Expected pictures in {said[:80]!r}, received none.")
    return list(once.values())


def _masters(said: str) -> Iterator[Picture]:
    found = Master.objects.all()
    if said:
        found = masters_tagged(said.removeprefix(TAG)) if said.startswith(TAG) else masters_under(said)
    for master in found.select_related("blob"):
        yield Picture(name=master.key or str(master.id), digest=master.blob.digest, source=master)


def _files(folder: Path) -> Iterator[Picture]:
    """What begins with a dot, and what is no picture by its first bytes, is passed over; a damaged picture is not."""
    if not folder.is_dir():
        raise BadParameter(f"Expected a folder, or {MASTERS} and the beginning of keys, received {str(folder)[:80]!r}.")
    for path in _visible(folder.rglob("*"), folder):
        try:
            with path.open("rb") as file:
                sniff(file.read(SNIFF_BYTES))
                file.seek(0)
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except ImgoptError:
            continue
        except OSError as error:
            raise BadParameter(f"Expected a file that can be read, {path}: {error.strerror}.") from error
        yield Picture(name=path.relative_to(folder).as_posix(), digest=digest, source=path)


def _visible(paths: Iterable[Path], folder: Path) -> Iterator[Path]:
    for path in paths:
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path
