"""What results are called: never as a picture of the line, nor as another result of it.

photo.jpg   → photo.webp            the new extension
            → photo-800.webp        with --widths, the width before it
            → photo.min.jpg         where that would be the picture itself
photo.png   → photo.png.webp        where photo.jpg has that name already
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from imgopt.cli import files
from imgopt.cli.errors import NotDone
from imgopt.cli.inputs import Input, stem
from imgopt.cli.journal import Journals
from imgopt.cli.text import shown
from pipeline.errors import ImgoptError
from pipeline.spec import Format

EXTENSIONS: Final[dict[Format, str]] = {"avif": "avif", "webp": "webp", "jpeg": "jpg", "png": "png", "gif": "gif"}


class Names:
    """Gives names in the order it is asked. A name once given stays with its picture in later runs."""

    def __init__(self, inputs: Iterable[Input], *, out: Path | None, journals: Journals) -> None:
        self._out, self._journals = out, journals
        self._taken: set[str] = set()
        self._files: set[tuple[int, int]] = set()
        for one in inputs:
            self._taken |= files.places(one.path)
            with suppress(ImgoptError):  # it is gone since it was found, and told of when it is looked at
                facts = files.facts_of(one.path)
                self._files.add((facts.st_dev, facts.st_ino))

    def folder(self, one: Input) -> Path:
        return one.path.parent if self._out is None else self._out / one.below

    def give(self, one: Input, suffix: str, output_format: Format) -> Path:
        """This will name a result. Raises `NotDone` where every name it might have is another file's."""
        folder = self.folder(one)
        for name in candidates(one.path.name, suffix, EXTENSIONS[output_format]):
            path = folder / name
            if self._is_free(path, one):
                self._taken.add(files.place(path))
                return path
        raise NotDone(f"Expected a free name for a result, and {shown(name)} belongs to another picture too.")

    def _is_free(self, path: Path, one: Input) -> bool:
        if files.place(path) in self._taken or self.is_input(path):
            return False
        owner = self._journals.of(path.parent).owner(path.name)
        return owner is None or files.real(owner) == files.real(one.path)

    def is_input(self, path: Path) -> bool:
        """Whether a name leads to one of the pictures, be it by a link or because case does not count there."""
        try:
            facts = path.stat()
        except OSError:
            return False
        return (facts.st_dev, facts.st_ino) in self._files


def candidates(name: str, suffix: str, extension: str) -> Iterator[str]:
    """
    >>> list(candidates("photo.JPG", "", "jpg"))
    ['photo.jpg', 'photo.min.jpg', 'photo.JPG.jpg']
    >>> list(candidates("photo.png", "-800", "webp"))
    ['photo-800.webp', 'photo.png-800.webp']
    """
    plain = f"{stem(name)}{suffix}.{extension}"
    yield plain
    if plain.casefold() == name.casefold():
        yield f"{stem(name)}.min.{extension}"
    yield f"{name}{suffix}.{extension}"
