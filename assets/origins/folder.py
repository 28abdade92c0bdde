"""Pictures in a folder of this machine. Nothing outside of it is read, whatever a path or a symbolic link says."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from assets.origins.errors import OriginNotFound, OriginRefused, OriginTooLarge, OriginUnavailable
from assets.origins.opened import CHUNK_BYTES, Opened, Said, capped

ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderPlace:
    root: Path
    max_bytes: int
    in_place: bool = True

    @contextmanager
    def open(self, path: str, known: Said) -> Iterator[Opened | None]:
        try:
            descriptor = self._opened(path)
        except OSError as error:
            if error.errno in ABSENT and self.root.is_dir():
                raise OriginNotFound("The origin has no picture there.") from error
            if error.errno == errno.ELOOP:
                raise OriginRefused("A symbolic link at the origin leads in a circle.") from error
            raise OriginUnavailable("The origin's file cannot be read.") from error
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise OriginNotFound("The origin has no picture there.")
            if found.st_size > self.max_bytes:
                raise OriginTooLarge
            said = _said(found)
            yield None if said == known else Opened(said, capped(_chunks(descriptor), self.max_bytes))
        finally:
            os.close(descriptor)

    def paths(self) -> Iterator[tuple[str, Said]]:
        """This will name every file below, sorted; hidden ones and symbolic links are left out."""
        for folder, folders, files in os.walk(self.root):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(files):
                file = Path(folder, name)
                with suppress(FileNotFoundError):  # it went while we looked
                    if not name.startswith(".") and not file.is_symlink():
                        yield str(file.relative_to(self.root)), _said(file.stat())

    def _opened(self, path: str) -> int:
        """This will open what a path leads to. The links in it are followed first, and then no link is, even if
        somebody has put one there in between."""
        root = Path(os.path.realpath(self.root, strict=True))
        real = Path(os.path.realpath(root / path, strict=True))
        if not real.is_relative_to(root):
            raise OriginRefused("The path leads out of the origin's folder.")
        parts = real.relative_to(root).parts
        if any(part.startswith(".") for part in (*path.split("/"), *parts)):
            raise OriginRefused("Hidden files of an origin are not shown.")
        return _walked(root, parts)


def _walked(root: Path, parts: tuple[str, ...]) -> int:
    """`O_NONBLOCK`, for a named pipe would wait for a writer for ever."""
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for part in parts:
        try:
            following = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = following
    return descriptor


def _said(found: os.stat_result) -> Said:
    return {"size": found.st_size, "mtime_ns": found.st_mtime_ns}


def _chunks(descriptor: int) -> Iterator[bytes]:
    while chunk := os.read(descriptor, CHUNK_BYTES):
        yield chunk
