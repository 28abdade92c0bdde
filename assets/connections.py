"""The database's connections, of which a server's many threads share a few."""

from __future__ import annotations

from django.db import connection


def give_back() -> None:
    """This will let another thread have this one's connection: what follows may take seconds and needs none.

    Ten who wait for renders would otherwise keep everybody else from the database.
    """
    if connection.connection is not None and not connection.in_atomic_block and _is_shared():
        connection.close()


def _is_shared() -> bool:
    return bool(connection.settings_dict.get("OPTIONS", {}).get("pool"))
