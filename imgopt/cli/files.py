"""Files as they are read and written: never half a file under its name, never the wrong one."""

from __future__ import annotations

import itertools
import os
import re
import stat
import unicodedata
from hashlib import file_digest
from pathlib import Path
from typing import Final

from imgopt.cli.errors import NotDone, because

PART: Final = re.compile(r"\.imgopt-(\d+)-\d+\.part")
"""A result that is being written, by the process of that id."""
MAX_BYTES: Final = 2**30
"""A child reads a file whole, before it knows how much memory the picture in it may have."""
_numbers = itertools.count()


def write_whole(path: Path, body: bytes) -> None:
    """This will write a file beside its place and then put it there, so that nobody ever sees half of it.

    Only the name is replaced: a file of the same inode under another name (a hard link), and whatever a symbolic
    link at this place pointed to, stay as they are. Raises `NotDone`.
    """
    part = path.with_name(f".imgopt-{os.getpid()}-{next(_numbers)}.part")
    try:
        with part.open("xb") as file:
            file.write(body)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise because("a place that can be written", error) from error


def make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise because("a folder that can be made", error) from error


def sweep(folder: Path) -> None:
    """This will remove what killed processes left half written."""
    for name in os.listdir(folder):  # noqa: PTH208  names are all that is wanted
        found = PART.fullmatch(name)
        if found and not _is_alive(int(found[1])):
            (folder / name).unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def digest_of(path: Path) -> str:
    """This will give the SHA-256 of a file. Raises `NotDone`."""
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise because("a file that can be read", error) from error


def readable(path: Path) -> os.stat_result:
    """This will say why a file cannot be read, which a render child would not, or give its facts."""
    facts = facts_of(path)
    if not stat.S_ISREG(facts.st_mode):
        raise NotDone(f"Expected a file, received {'a folder' if stat.S_ISDIR(facts.st_mode) else 'something else'}.")
    if facts.st_size > MAX_BYTES:
        raise NotDone(f"Expected a file of at most {MAX_BYTES / 2**30:g} GiB, received {facts.st_size} bytes.")
    try:
        with path.open("rb"):
            return facts
    except OSError as error:
        raise because("a file that can be read", error) from error


def facts_of(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        raise because("a file or folder", error) from error


def real(path: Path) -> Path:
    """This will give a path without symbolic links. Raises `NotDone` for links that go round in a circle."""
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:
        raise NotDone("Expected a path that leads somewhere: its links go round in a circle.") from error


def place(path: Path) -> str:
    """This will give a text that is equal for all spellings of one place: of links, of case, of accents.

    Case counts on Linux and not on most other systems, nor on a memory stick; what is equal there is equal here, so
    that no file is lost when a folder moves.
    """
    return unicodedata.normalize("NFC", str(real(path.parent) / path.name)).casefold()


def places(path: Path) -> set[str]:
    """This will give the place of a name, and that of what it links to."""
    return {place(path), place(real(path))}
