"""SQLite kept open.

The last connection to close removes the files of the write-ahead log, and on a disk that has become full the next one
cannot make them again, so that not even reading would be possible any more.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from django.db import connection

_held: Final[list[sqlite3.Connection]] = []


def keep_open() -> None:
    """This will hold one idle connection for as long as the process lives, where the database is a SQLite file."""
    if connection.vendor != "sqlite":
        return
    held = sqlite3.connect(connection.settings_dict["NAME"], check_same_thread=False)
    held.execute("PRAGMA journal_mode=WAL")
    held.execute("SELECT 1 FROM sqlite_master").fetchone()  # the files are there from the first query on
    _held.append(held)
