"""A backup, from first to last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from django.utils import timezone

from imgopt import release
from imgopt.backup import manifest, masters, rows
from imgopt.backup.manifest import Manifest


@dataclass(slots=True)
class Made:
    rows: int = 0
    masters: int = 0
    master_bytes: int = 0
    damaged: list[str] = field(default_factory=list)
    """Masters whose bytes are missing, or not what came: only their rows are in it."""


def make(folder: Path, *, with_masters: bool, say: Callable[[str], None]) -> Made:
    """This will write a backup into a new folder.

    Bytes come before the rows, and what has come meanwhile after them: so no row is without its bytes because somebody
    deleted its master while this ran.
    """
    folder.mkdir(mode=0o700, parents=True)
    made, seen = Made(), dict[str, str]()

    def copy(using: str) -> list[str]:
        """Gives the names of those that could not be had."""
        missing = []
        for blob in masters.copied(using):
            if blob.storage_name in seen:
                continue
            number = masters.save(blob, folder)
            if number is None:
                missing.append(blob.storage_name)
            else:
                seen[blob.storage_name] = blob.digest
                made.master_bytes += number
        return missing

    if with_masters:
        say("Copying masters …")
        copy("default")
    with rows.snapshot() as using:
        say("Writing the rows …")
        made.rows = rows.dump(folder / manifest.ROWS, using)
        if with_masters:
            made.damaged = copy(using)
    made.masters = len(seen)
    lines = (f"{digest}  {manifest.MASTERS}/{name}\n" for name, digest in sorted(seen.items()))
    (folder / manifest.DIGESTS).write_text("".join(lines))
    Manifest(
        release=release.version(),
        made_at=timezone.now().isoformat(),
        migrations=manifest.newest_migrations(),
        rows=made.rows,
        rows_sha256=manifest.sha256_of(folder / manifest.ROWS),
        masters=made.masters,
        master_bytes=made.master_bytes,
        has_masters=with_masters,
        digests_sha256=manifest.sha256_of(folder / manifest.DIGESTS),
    ).write(folder)
    return made
