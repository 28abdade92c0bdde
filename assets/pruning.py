"""What was left behind: files without a row, uploads that were never completed, pieces of what was killed.

Every finder gives orphans one after another and removes nothing; what is younger than an hour may belong to somebody
who is at work.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from django.conf import settings
from django.core.files.storage import storages
from django.utils import timezone

from assets.direct import OFFERED_FOR
from assets.locks.machine import is_still
from assets.masters_cache import FOLDER as COPIES
from assets.models import Blob
from assets.s3 import multipart
from assets.s3.kind import is_s3
from assets.s3.setup import INCOMING

if TYPE_CHECKING:
    from assets.s3.storage import SharedS3Storage

T = TypeVar("T")

GRACE: Final = timedelta(hours=1)
AT_ONCE: Final = 500
"""Names looked up by one query."""
FEW: Final = 3
PLAUSIBLE_SHARE: Final = 0.1
DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Orphan:
    kind: str
    name: str
    byte_size: int
    remove: Callable[[], object]
    """It may be gone by then."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One file of a storage."""

    name: str
    byte_size: int
    changed_at: datetime


class TooMany(Exception):
    """So many masters without a row are no leftovers: this is another installation's storage, or another's database.

    Where not one of them has a row, a single one is too many: so it looks with an empty database.
    """

    def __init__(self, orphans: int, files: int) -> None:
        super().__init__(
            f"{orphans} of {files} stored masters have no row in this database. Is it the right one? "
            "Nothing was removed of them; `manage.py prune --even-many` does."
        )


def find_orphans(*, even_many: bool = False) -> Iterator[Orphan]:
    """This will find what masters have left behind: in their storage, and on this machine's disk.

    Raises `TooMany` at the end where it seems not to be the database of this storage.
    """
    refused: TooMany | None = None
    try:
        yield from masters_without_rows(even_many=even_many)
    except TooMany as error:
        refused = error
    if is_s3(storages["masters"]):
        yield from expired_uploads()
    for alias in ("masters", "variants"):
        storage = storages[alias]
        if is_s3(storage):
            yield from unfinished_parts(storage)
        else:
            yield from pieces_in(Path(storage.path("")))
    yield from copies_without_blobs(settings.IMGOPT_DATA_DIR / COPIES)
    yield from pieces_in(settings.IMGOPT_DATA_DIR / COPIES)
    yield from temporary_files(Path(settings.FILE_UPLOAD_TEMP_DIR))
    yield from locks_of_the_dead(settings.IMGOPT_DATA_DIR / "locks")
    if refused is not None:
        raise refused


def masters_without_rows(*, even_many: bool = False) -> Iterator[Orphan]:
    """Files whose upload was killed before its row was there, or whose row went and they did not.

    They are counted before the first is given: with the database of another installation all of them would be orphans,
    and a periodic job would delete every master there is.
    """
    storage = storages["masters"]
    before = timezone.now() - GRACE
    found: list[Stored] = []
    files = 0
    for batch in batched((each for each in stored_in(storage) if blob_id_of(each.name)), AT_ONCE):
        files += len(batch)
        found += _without_row([each for each in batch if each.changed_at < before])
    plausible = max(FEW, files * PLAUSIBLE_SHARE) if files > len(found) else 0
    if len(found) > plausible and not even_many:
        raise TooMany(len(found), files)
    for batch in batched(found, AT_ONCE):
        for each in _without_row(batch):  # again: listing a million takes minutes
            yield Orphan("master", each.name, each.byte_size, removal(storage, each.name))


def _without_row(stored: list[Stored]) -> list[Stored]:
    ids = {each.name: blob_id_of(each.name) for each in stored}
    known = set(Blob.objects.filter(id__in=[*filter(None, ids.values())]).values_list("id", flat=True))
    return [each for each in stored if ids[each.name] not in known]


def expired_uploads() -> Iterator[Orphan]:
    storage = storages["masters"]
    assert is_s3(storage)  # noqa: S101
    before = timezone.now() - OFFERED_FOR - GRACE
    for each in storage.listed(INCOMING):
        if each.changed_at < before:
            yield Orphan("upload", each.name, each.byte_size, removal(storage, each.name))


def unfinished_parts(storage: SharedS3Storage) -> Iterator[Orphan]:
    """Large uploads to S3 that were killed; their parts are in no list of objects, and are paid for."""
    before = timezone.now() - GRACE
    for each in multipart.unfinished(storage.bucket_name):
        if each.begun_at < before and blob_id_of(each.key):  # only masters are large enough: the rest is another's
            yield Orphan("parts", each.key, 0, each.abort)


def copies_without_blobs(folder: Path) -> Iterator[Orphan]:
    """Copies of masters that are gone: eviction would leave them until the space is needed."""
    found = (file for file in _old_files(folder) if DIGEST.fullmatch(file.name))
    for batch in batched(found, AT_ONCE):
        known = set(Blob.objects.filter(digest__in=[file.name for file in batch]).values_list("digest", flat=True))
        for file in batch:
            if file.name not in known:
                yield _file_orphan("copy", file)


def pieces_in(folder: Path) -> Iterator[Orphan]:
    """What was being written when its process was killed: `assets.disk` and `assets.masters_cache` name it so."""
    for file in _old_files(folder):
        if file.name.startswith(".") and file.name.endswith(".part"):
            yield _file_orphan("piece", file)


def temporary_files(folder: Path) -> Iterator[Orphan]:
    for file in _old_files(folder):
        yield _file_orphan("temporary", file)


def locks_of_the_dead(folder: Path) -> Iterator[Orphan]:
    """Whoever holds a lock removes its file, unless it is killed."""
    for file in _old_files(folder):
        yield Orphan("lock", file.name, 0, lambda file=file: _remove_lock(file))  # type: ignore[misc]


def stored_in(storage: Any, folder: str = "") -> Iterator[Stored]:
    """This will give every file of one of our storages, or of a folder in it."""
    if is_s3(storage):
        for each in storage.listed(f"{folder}/" if folder else ""):
            yield Stored(each.name, each.byte_size, each.changed_at)
        return
    root = Path(storage.path(""))
    for file in _files(root / folder):
        facts = _facts(file)
        if facts is not None:
            yield Stored(str(file.relative_to(root)), facts.st_size, datetime.fromtimestamp(facts.st_mtime, tz=UTC))


def blob_id_of(name: str) -> uuid.UUID | None:
    """The blob that a file of the masters' storage is of, see `Blob.storage_name`; `None`: it is no file of ours."""
    folder, _, last = name.partition("/")
    try:
        blob_id = uuid.UUID(last)
    except ValueError:
        return None
    return blob_id if str(blob_id) == last and blob_id.hex[-2:] == folder else None


def removal(storage: Any, name: str) -> Callable[[], object]:
    return lambda: storage.delete(name)


def batched(things: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(things)
    while batch := list(islice(iterator, size)):
        yield batch


def _file_orphan(kind: str, file: Path) -> Orphan:
    facts = _facts(file)
    return Orphan(kind, file.name, facts.st_size if facts else 0, lambda: file.unlink(missing_ok=True))


def _remove_lock(file: Path) -> None:
    """Only a lock that nobody has: whoever waits for it sees that its file is gone, and makes a new one."""
    try:
        with file.open("r+b") as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if is_still(file, held.fileno()):  # else it was removed and made anew since, and is somebody's
                file.unlink()
    except (FileNotFoundError, BlockingIOError):
        return


def _old_files(folder: Path) -> Iterator[Path]:
    before = time.time() - GRACE.total_seconds()
    for file in _files(folder):
        facts = _facts(file)
        if facts is not None and max(facts.st_mtime, facts.st_ctime) < before:
            yield file


def _files(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        for name in names:
            yield Path(place, name)


def _facts(file: Path) -> os.stat_result | None:
    try:
        return file.lstat()
    except FileNotFoundError:  # it went while we looked
        return None
