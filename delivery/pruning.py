"""`prune`: everything that nobody needs any more, found and removed: what masters have left behind, variants of bytes
that are gone, and what was written down of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import structlog
from django.core.files.storage import storages
from django.db.models import Exists, Model, OuterRef
from django.utils import timezone

from assets.models import Blob
from assets.pruning import AT_ONCE, DIGEST, GRACE, Orphan, batched, find_orphans, removal, stored_in
from assets.s3.kind import is_s3
from delivery.models import Variant
from delivery.tiers.storage import folder_of
from metrics.models import Curve, FormatSizes, VariantQuality

log = structlog.get_logger("delivery.pruning")

ROWS: Final[dict[str, type[Model]]] = {
    "variant": Variant,
    "receipt": VariantQuality,
    "curve": Curve,
    "format_sizes": FormatSizes,
}


@dataclass(slots=True)
class Report:
    """What was found, by kind, and removed unless it was a dry run."""

    counts: Counter[str] = field(default_factory=Counter)
    byte_sizes: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, Any]:
        return {
            kind: {"count": count, "byteSize": self.byte_sizes[kind], "failed": self.failed[kind]}
            for kind, count in sorted(self.counts.items())
        }


def prune(
    *, dry_run: bool = False, even_many: bool = False, each: Callable[[Orphan], object] = lambda _: None
) -> Report:
    """This will remove all orphans, or only find them. `each` is told of every one before, and may raise to stop.

    One that cannot be removed is counted, and does not keep the others. Raises `TooMany` after all else is done.
    """
    report = Report()
    for orphan in _all(even_many):
        each(orphan)
        report.counts[orphan.kind] += 1
        report.byte_sizes[orphan.kind] += orphan.byte_size
        if dry_run:
            continue
        try:
            orphan.remove()
        except Exception:
            log.warning("orphan not removed", kind=orphan.kind, name=orphan.name, exc_info=True)
            report.failed[orphan.kind] += 1
    log.info("pruned", dry_run=dry_run, **{kind: dict(found) for kind, found in report.as_dict().items()})
    return report


def _all(even_many: bool) -> Iterator[Orphan]:
    """First what hangs on the rest: it can be made again, so that it goes in any case."""
    yield from variants_without_blobs()
    yield from rows_without_blobs()
    yield from find_orphans(even_many=even_many)


def variants_without_blobs() -> Iterator[Orphan]:
    storage = storages["variants"]
    before = timezone.now() - GRACE
    for batch in batched(_digests_in(storage), AT_ONCE):
        known = set(Blob.objects.filter(digest__in=batch).values_list("digest", flat=True))
        for digest in (each for each in batch if each not in known):
            for each in stored_in(storage, folder_of(digest)):
                if each.changed_at < before:
                    yield Orphan("variant", each.name, each.byte_size, removal(storage, each.name))


def rows_without_blobs() -> Iterator[Orphan]:
    """What is known of pictures in general has no digest, and stays."""
    for name, model in ROWS.items():
        gone = model._default_manager.filter(~Exists(Blob.objects.filter(digest=OuterRef("digest")))).exclude(digest="")
        for row_id in list(gone.order_by().values_list("id", flat=True)):
            yield Orphan(f"{name}_row", str(row_id), 0, model._default_manager.filter(id=row_id).delete)


def _digests_in(storage: Any) -> Iterator[str]:
    """Two levels of folders: far fewer names than variants."""
    if is_s3(storage):
        found = (inner.split("/")[-2] for outer in storage.folders() for inner in storage.folders(outer))
    else:
        found = (path.name for path in Path(storage.path("")).glob("*/*") if path.is_dir())
    for digest in found:
        if DIGEST.fullmatch(digest):
            yield digest
