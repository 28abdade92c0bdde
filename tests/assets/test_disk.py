"""A file is there whole or not at all."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile, File

from assets.disk import AtomicFileSystemStorage


@pytest.fixture
def storage(tmp_path: Path) -> AtomicFileSystemStorage:
    return AtomicFileSystemStorage(location=tmp_path / "masters")


class Stopping(ContentFile):
    """Content that fails in its middle; looks around before it does."""

    def __init__(self, error: BaseException, storage: AtomicFileSystemStorage) -> None:
        super().__init__(b"new")
        self.error, self.storage = error, storage
        self.seen: bytes | None = None

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        yield b"new"
        if self.storage.exists("ab/file"):
            with self.storage.open("ab/file") as file:
                self.seen = file.read()
        raise self.error


def read(storage: AtomicFileSystemStorage, name: str = "ab/file") -> bytes:
    with storage.open(name) as file:
        return bytes(file.read())


def files(storage: AtomicFileSystemStorage) -> list[str]:
    folder = Path(storage.location)
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_stores_under_the_very_name_and_makes_the_folders(storage: AtomicFileSystemStorage) -> None:
    assert storage.save("ab/file", ContentFile(b"one")) == "ab/file"
    assert (read(storage), files(storage)) == (b"one", ["ab/file"])


def test_overwrites_what_was_there(storage: AtomicFileSystemStorage) -> None:
    for content in (b"one", b"two", b""):
        assert storage.save("ab/file", ContentFile(content)) == "ab/file"
    assert (read(storage), files(storage)) == (b"", ["ab/file"])


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt(), ValueError()])
def test_a_write_that_fails_leaves_what_was_there_or_nothing(
    storage: AtomicFileSystemStorage, error: BaseException
) -> None:
    with pytest.raises(type(error)):
        storage.save("ab/file", Stopping(error, storage))
    assert files(storage) == []
    storage.save("ab/file", ContentFile(b"old"))
    content = Stopping(error, storage)
    with pytest.raises(type(error)):
        storage.save("ab/file", content)
    assert content.seen == b"old", "who reads meanwhile never sees half a file"
    assert (read(storage), files(storage)) == (b"old", ["ab/file"])


def test_a_file_that_is_being_written_has_another_name(storage: AtomicFileSystemStorage) -> None:
    content = Stopping(ValueError(), storage)
    with pytest.raises(ValueError):
        storage.save("ab/file", content)
    assert content.seen is None


def test_copies_in_pieces(storage: AtomicFileSystemStorage, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(range(256)) * 1000)
    with source.open("rb") as stream:
        storage.save("ab/file", File(stream))
    assert read(storage) == source.read_bytes()


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/../../b"])
def test_never_leaves_its_folder(storage: AtomicFileSystemStorage, name: str) -> None:
    with pytest.raises(SuspiciousFileOperation):
        storage.save(name, ContentFile(b"x"))
