"""What an origin gives: a picture's bytes, and by what it can tell later whether they are still the same."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from django.core.files.uploadedfile import TemporaryUploadedFile

from assets.errors import StorageFull
from assets.names import original_name
from assets.origins.errors import OriginTooLarge

CHUNK_BYTES = 65_536

Said = Mapping[str, str | int]
"""ETag and time of change, or size and time of change; kept as JSON with the master. Empty: nothing is known."""


@dataclass(frozen=True, slots=True)
class Opened:
    said: Said
    chunks: Iterator[bytes]
    """At most as many bytes as the place was told; it raises `OriginTooLarge` in the middle if need be."""


class Place(Protocol):
    """Where pictures lie: a site, a bucket or a folder."""

    @property
    def in_place(self) -> bool:
        """Whether bytes can be read there whenever they are needed, so that they need not be copied."""
        ...

    def open(self, path: str, known: Said) -> AbstractContextManager[Opened | None]:
        """This will open a picture; `None` says that it is the one of which `known` was said."""
        ...


@dataclass(frozen=True, slots=True)
class Arrived:
    """A picture that came whole, in a temporary file that goes when it is closed; nobody has decoded it yet."""

    upload: TemporaryUploadedFile
    said: Said

    @property
    def digest(self) -> str:
        return str(self.upload.digest)  # type: ignore[attr-defined]


def take(place: Place, path: str, known: Said) -> Arrived | None:
    """This will bring a picture here, or give `None` where the one that is known is still right."""
    with place.open(path, known) as opened:
        return None if opened is None else Arrived(_received(opened.chunks, path), opened.said)


def capped(chunks: Iterable[bytes], max_bytes: int) -> Iterator[bytes]:
    left = max_bytes
    for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            raise OriginTooLarge
        yield chunk


def _received(chunks: Iterable[bytes], path: str) -> TemporaryUploadedFile:
    """Django takes an extension over into the temporary file's name, where a long one is too long for the disk."""
    upload = TemporaryUploadedFile(f"{original_name(path)}.origin", "application/octet-stream", 0, None)
    sha256 = hashlib.sha256()
    try:
        for chunk in chunks:
            sha256.update(chunk)
            upload.write(chunk)
        upload.flush()
        upload.size = upload.tell()
    except BaseException as error:
        upload.close()
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull("There is no space left for pictures of origins.") from error
        raise
    upload.digest = sha256.hexdigest()  # type: ignore[attr-defined]
    return upload
