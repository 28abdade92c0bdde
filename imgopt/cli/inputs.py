"""Which pictures the paths of a line mean."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Final

from imgopt.cli import files
from imgopt.cli.errors import NotDone
from imgopt.cli.journal import Journal, Journals
from pipeline.errors import ImgoptError, NotAnImage, UnsupportedFormat
from pipeline.sniff import SNIFF_BYTES, sniff

EXTENSIONS: Final = frozenset(
    {"jpg", "jpeg", "jpe", "jfif", "png", "apng", "webp", "avif", "gif", "tif", "tiff", "bmp", "dib", "ico"}
)
"""Of pictures that can be read: a file called so is taken for one, and told of when it is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    path: Path
    """As it was named or found."""
    below: PurePath = PurePath()
    """Its folder below that of the results."""


@dataclass(slots=True)
class Found:
    inputs: list[Input] = field(default_factory=list)
    failures: list[tuple[Path, ImgoptError]] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)
    """Files of folders that are no pictures, by kind."""


def collect(paths: Sequence[Path], *, out: Path | None, journals: Journals) -> Found:
    """This will list the pictures of files and folders, each once, in the order of the line and then of their names.

    In folders, what begins with a dot, symbolic links, other files than pictures, results of earlier runs and the
    folder `out` are passed over. A file that is named itself is always taken. Several paths keep the names of their
    folders below `out`; the pictures of a single one lie there directly.
    """
    found = Found()
    seen: set[Path] = set()
    for path in paths:
        try:
            mode = files.facts_of(path).st_mode
            if stat.S_ISDIR(mode):
                below = PurePath(files.real(path).name) if len(paths) > 1 else PurePath()
                pictures: Iterator[Input] = _Walk(found, files.real(out) if out else None, journals).of(path, below)
            elif stat.S_ISREG(mode):
                pictures = iter([Input(path=path)])
            else:
                raise NotDone("Expected a file or folder, received something else.")
            for picture in pictures:
                place = files.real(picture.path)
                if place not in seen:
                    seen.add(place)
                    found.inputs.append(picture)
        except ImgoptError as error:
            found.failures.append((path, error))
    return found


def stem(name: str) -> str:
    """This will give a name without its extension; what follows a dot and is none of a picture stays.

    >>> stem("photo.JPG"), stem("v1.2 final"), stem("archive.tar.png"), stem(".png")
    ('photo', 'v1.2 final', 'archive.tar', '.png')
    """
    head, dot, extension = name.rpartition(".")
    return head if head and dot and extension.lower() in EXTENSIONS else name


class _Walk:
    def __init__(self, found: Found, out: Path | None, journals: Journals) -> None:
        self._found, self._out, self._journals = found, out, journals

    def of(self, root: Path, below: PurePath) -> Iterator[Input]:
        folders = [(root, below)]
        while folders:
            folder, below = folders.pop()
            try:
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except OSError as error:
                self._found.failures.append((folder, NotDone(f"Expected a folder that can be read: {error.strerror}.")))
                continue
            journal = self._journals.of(folder)
            inner = []
            for entry in entries:
                path = folder / entry.name
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if self._out is None or files.real(path) != self._out:
                        inner.append((path, below / entry.name))
                elif entry.is_file(follow_symlinks=False) and self._is_wanted(path, journal):
                    yield Input(path=path, below=below)
            folders += reversed(inner)

    def _is_wanted(self, path: Path, journal: Journal) -> bool:
        return not journal.is_result(path.name) and self._is_picture(path)

    def _is_picture(self, path: Path) -> bool:
        """By its name, or by its first bytes: a picture may be called anything."""
        if path.suffix[1:].lower() in EXTENSIONS:
            return True
        try:
            with path.open("rb") as file:
                sniff(file.read(SNIFF_BYTES))
        except NotAnImage:
            return False
        except UnsupportedFormat as error:
            self._found.passed_over[error.message.partition(" pictures")[0]] += 1
            return False
        except OSError:
            return False
        return True
