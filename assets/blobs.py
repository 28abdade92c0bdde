"""The bytes of masters: stored once, whatever number of masters shares them, and never half."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar, cast

import structlog
from django.core.files.base import ContentFile, File
from django.core.files.storage import storages
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.db import IntegrityError, transaction

from assets.connections import give_back
from assets.errors import StorageFull, StorageUnavailable
from assets.masters_cache import Fetch, fetched, forget_copy, masters_cache
from assets.models import Blob
from assets.origins.in_place import has_bucket, read_in_place
from assets.s3.kind import is_s3
from assets.signals import master_damaged
from assets.verified import VERIFIED, WrongBytes
from pipeline.errors import ImgoptError
from pipeline.source import ColourSpace, SourceInfo

log = structlog.get_logger("assets")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Incoming:
    """An upload that has been decoded whole and strictly."""

    upload: TemporaryUploadedFile
    info: SourceInfo
    is_copied: bool = True
    """Whether its bytes are to be stored; else they stay where they lie, at an origin."""


def source_info(blob: Blob) -> SourceInfo:
    """This will give what was found in a blob's bytes when they came, without its placeholder."""
    return SourceInfo(
        format=blob.format,
        width=blob.width,
        height=blob.height,
        orientation=blob.orientation,
        pages=blob.pages,
        has_alpha=blob.has_alpha,
        bit_depth=blob.bit_depth,
        colour_space=cast(ColourSpace, blob.colour_space),
        profile=blob.profile,
        is_srgb=blob.is_srgb,
        interlaced=blob.interlaced,
    )


def blob_source(blob: Blob) -> str | bytes:
    """This will give the path of a file with a blob's bytes (a path crosses to a render child in 0.3 ms, 3.5 MB of
    bytes in 5.5), or the bytes where there can be no file.

    They are hashed, or were when this process last saw that very file: what variants are kept by is their digest, and
    another's picture must never be shown under it.
    """
    with _reading(blob):
        if not blob.is_copied:
            return _in_place(blob)
        if path := _path_of(blob):
            VERIFIED.check(Path(path), blob.digest, blob.byte_size)
            return path
        return _copied(blob, lambda file: _fetch(blob, file))


def open_blob(blob: Blob) -> File[Any]:
    """This will open a blob's bytes, checked as `blob_source` checks them."""
    source = blob_source(blob)
    if isinstance(source, bytes):
        return ContentFile(source)
    with _reading(blob):
        return File(Path(source).open("rb"))


def _in_place(blob: Blob) -> str | bytes:
    """Only what lies in a bucket is worth a copy."""
    if not has_bucket(blob):
        return read_in_place(blob)

    def fetch(file: IO[bytes]) -> str:
        file.write(read_in_place(blob))
        return blob.digest

    return _copied(blob, fetch)


def _copied(blob: Blob, fetch: Fetch) -> str | bytes:
    cache = masters_cache()
    return fetched(blob.digest, fetch) if cache is None else cache.get(blob.digest, blob.byte_size, fetch)


def _fetch(blob: Blob, into: IO[bytes]) -> str:
    storage = storages["masters"]
    if is_s3(storage):
        return storage.fetch(blob.storage_name, into, byte_size=blob.byte_size)
    sha256 = hashlib.sha256()
    with storage.open(blob.storage_name) as file:
        for chunk in file.chunks():
            sha256.update(chunk)
            into.write(chunk)
    return sha256.hexdigest()


@contextmanager
def _reading(blob: Blob) -> Iterator[None]:
    """This will give the errors of reading their one name; wrong bytes are told of besides."""
    try:
        yield
    except ImgoptError:
        raise
    except WrongBytes as error:
        log.exception("master damaged", digest=blob.digest)
        master_damaged.send(sender=Blob, digest=blob.digest)
        raise StorageUnavailable("The stored original is damaged: upload it again.") from error
    except Exception as error:
        log.exception("master unreadable", digest=blob.digest)
        raise StorageUnavailable("The stored original cannot be read at the moment.") from error


def _path_of(blob: Blob) -> str:
    """This will give the path of a blob's file; empty: the storage has no paths."""
    try:
        return str(storages["masters"].path(blob.storage_name))
    except NotImplementedError:
        return ""


class _BlobGone(StorageUnavailable):
    """The blob that was found for some bytes was deleted, with its last master, before it could be locked."""


def with_blobs(incoming: Sequence[Incoming], work: Callable[[list[Blob]], T], *, again: bool = True) -> T:
    """This will store the bytes of uploads and do `work` with their blobs in one transaction.

    An error leaves neither rows nor files behind.
    """
    written: list[Blob] = []
    try:
        for one in incoming:
            written.append(_write_blob(one))
        with transaction.atomic():
            return work(_register(written))
    except _BlobGone:
        if not again:
            raise
    finally:
        forget_unregistered(written)
    return with_blobs(incoming, work, again=False)


def release(blob: Blob) -> None:
    """This will delete a blob nobody uses any more; its file goes after the commit."""
    locked = Blob.objects.select_for_update().filter(id=blob.id).first()
    if locked is not None and not locked.masters.exists():
        locked.delete()
        name = blob.storage_name
        transaction.on_commit(lambda: storages["masters"].delete(name), robust=True)
        transaction.on_commit(lambda: forget_copy(blob.digest), robust=True)


def forget_unregistered(written: Sequence[Blob]) -> None:
    """This will remove files that got no row: their transaction failed, or the same bytes had a row already.

    What cannot be removed is logged, and hides neither the answer nor the error that is on its way.
    """
    try:
        registered = set(Blob.objects.filter(id__in=[blob.id for blob in written]).values_list("id", flat=True))
        for blob in written:
            if blob.is_copied and blob.id not in registered:
                storages["masters"].delete(blob.storage_name)
    except Exception:
        log.exception("files may be left over", names=[blob.storage_name for blob in written])


def _write_blob(incoming: Incoming) -> Blob:
    """This will write an upload's file and return its unsaved blob, or the saved one that these bytes have already."""
    upload, info = incoming.upload, incoming.info
    blob = Blob(
        digest=upload.digest,  # type: ignore[attr-defined]
        byte_size=upload.size or 0,
        format=info.format,
        width=info.width,
        height=info.height,
        orientation=info.orientation,
        pages=info.pages,
        has_alpha=info.has_alpha,
        bit_depth=info.bit_depth,
        colour_space=info.colour_space,
        profile=info.profile[:200],
        is_srgb=info.is_srgb,
        interlaced=info.interlaced,
        **placeholder_fields(info),
        is_copied=incoming.is_copied,
    )
    known = Blob.objects.filter(digest=blob.digest).first()
    with _storage_errors():
        if known is not None and (_is_whole(known, upload) if known.is_copied else not incoming.is_copied):
            return known
        if known is None and not incoming.is_copied:
            return blob
        upload.seek(0)
        give_back()
        storages["masters"].save((known or blob).storage_name, upload)  # a lost or damaged file is healed
    if known is not None and not known.is_copied:  # from now on we need the origin no more, whatever comes of this
        known.is_copied = True
        Blob.objects.filter(id=known.id).update(is_copied=True)
    return known or blob


def placeholder_fields(info: SourceInfo) -> dict[str, Any]:
    """This will give a blob's fields for what an inspection made; none where only the header was read."""
    made = info.placeholder
    if made is None:
        return {}
    return {
        "placeholder": made.data_uri,
        "blurhash": made.blurhash,
        "dominant_colour": made.dominant_colour,
        "palette": list(made.palette),
    }


def _is_whole(blob: Blob, upload: TemporaryUploadedFile) -> bool:
    """Whether the bytes that are stored are those that came again; if not, they are written again."""
    storage = storages["masters"]
    if is_s3(storage):
        return storage.has(blob.storage_name, upload)
    if not (path := _path_of(blob)):
        return storage.exists(blob.storage_name) and storage.size(blob.storage_name) == blob.byte_size
    try:
        VERIFIED.check(Path(path), blob.digest, blob.byte_size)
    except (FileNotFoundError, WrongBytes):
        return False
    return True


@contextmanager
def _storage_errors() -> Iterator[None]:
    """This will give the errors of storages their names; every backend has classes of its own."""
    try:
        yield
    except Exception as error:
        log.exception("masters not stored")
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull("There is no space left for masters.") from error
        raise StorageUnavailable("The masters' storage does not take files at the moment.") from error


def _register(written: Sequence[Blob]) -> list[Blob]:
    """This will make the rows of freshly written bytes, or take the rows that the same bytes have already.

    The rows are locked in the order of their digests, or two uploads of the same pictures could wait for each other.
    """
    kept: dict[str, Blob] = {}
    for blob in sorted(written, key=lambda blob: blob.digest):
        if blob.digest not in kept:
            kept[blob.digest] = _find_and_lock(blob.digest) or _insert(blob)
    return [kept[blob.digest] for blob in written]


def _find_and_lock(digest: str) -> Blob | None:
    return Blob.objects.select_for_update().filter(digest=digest).first()


def _insert(blob: Blob) -> Blob:
    gone = _BlobGone("The same picture was deleted at this moment: upload it again.")
    if not blob._state.adding:
        raise gone  # and never inserted again: whoever deleted the row is about to delete its file
    try:
        with transaction.atomic():
            blob.save(force_insert=True)
    except IntegrityError as error:  # another process was first with these bytes
        known = _find_and_lock(blob.digest)
        if known is None:
            raise gone from error
        return known
    return blob
