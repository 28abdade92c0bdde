"""A backup, put into an empty installation of whatever shape."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from django.core.files.storage import storages
from django.db import transaction

from imgopt.backup import manifest, masters, rows
from imgopt.backup.manifest import Manifest, NotRestored


def restore(folder: Path, *, say: Callable[[str], None]) -> Manifest:
    """This will check everything first, and then write all of it or nothing. `NotRestored` says why not."""
    found = manifest.read(folder)
    here = manifest.newest_migrations()
    if found.migrations != here:
        odd = sorted(set(found.migrations) ^ set(here))
        raise NotRestored(
            f"The backup is of release {found.release}, whose tables are others ({odd[0]}): restore it with that "
            "release, and upgrade then."
        )
    if (table := rows.first_that_has_rows()) is not None:
        raise NotRestored(f"Expected an empty installation: there are {table} already.")
    say("Checking the backup …")
    digests = list(manifest.digests(folder))
    masters.check(folder, digests)
    written: list[str] = []
    try:
        with transaction.atomic():
            say("Writing the rows …")
            if rows.load(folder / manifest.ROWS) != found.rows:
                raise NotRestored("There are not as many rows as the manifest says: the backup is damaged.")
            say("Storing masters …")
            for name, digest in digests:
                if masters.is_stored(name, digest):
                    continue  # the bucket has outlived its database: it is not ours to delete if this fails
                written.append(name)
                masters.put_back(folder, name, digest)
    except BaseException:
        for name in written:
            storages["masters"].delete(name)
        raise
    return found
