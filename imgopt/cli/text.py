"""Names and numbers as people read them."""

from __future__ import annotations

import os

UNITS = ("B", "kB", "MB", "GB", "TB")


def shown(path: str | os.PathLike[str]) -> str:
    """This will give a path in printable characters: a file's name may hold a terminal's commands.

    >>> shown("a\\x1b[2Jb.jpg")
    'a\\\\x1b[2Jb.jpg'
    """
    text = os.fspath(path)
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def byte_text(count: float) -> str:
    """This will give a size in three digits or so.

    >>> byte_text(812), byte_text(34_120), byte_text(-1_980_000), byte_text(999_999)
    ('812 B', '34.1 kB', '-1.98 MB', '1.00 MB')
    """
    for unit in UNITS:
        if abs(count) < 999.5 or unit == UNITS[-1]:
            break
        count /= 1000
    if unit == "B":
        return f"{count:.0f} B"
    return f"{count:.{2 if abs(count) < 9.995 else 1 if abs(count) < 99.95 else 0}f} {unit}"


def saved_text(before: int, after: int) -> str:
    """This will give what was saved, in percent; less than nothing where it grew.

    >>> saved_text(1000, 250), saved_text(100, 130), saved_text(0, 0)
    ('75.0 %', '-30.0 %', '–')
    """
    return f"{100 * (before - after) / before:.1f} %" if before else "–"


def seconds_text(seconds: float) -> str:
    """
    >>> seconds_text(0.0421), seconds_text(3.44), seconds_text(75)
    ('42 ms', '3.4 s', '1 min 15 s')
    """
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    return f"{round(seconds) // 60} min {round(seconds) % 60} s"


def counted(count: int, word: str) -> str:
    """
    >>> counted(1, "file"), counted(3, "file")
    ('1 file', '3 files')
    """
    return f"{count} {word}{'' if count == 1 else 's'}"
