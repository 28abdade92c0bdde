"""Receipts in the database: written many at a time, found by the key of their variant."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from metrics.models import VariantQuality
from pipeline.receipt import Receipt, read_receipt

log = structlog.get_logger("metrics.receipts")

BATCH: Final = 500
FIGURES: Final = ("ssim", "worst_tile", "delta_e_mean", "delta_e_p95", "delta_e_p99")
"""Scores that have a column of their own."""
FIELDS: Final = (
    "digest", "format", "width", "height", "byte_size", *FIGURES, "quality", "target", "target_met", "tries",
    "provisional", "receipt", "created_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A variant with its receipt, as it was made."""

    key: str
    digest: str
    """Of the master's bytes."""
    format: str
    width: int
    height: int
    byte_size: int
    receipt: Receipt
    created_at: datetime

    def row(self) -> VariantQuality:
        receipt, scores = self.receipt, self.receipt.scores
        return VariantQuality(
            key=self.key,
            digest=self.digest,
            format=self.format,
            width=self.width,
            height=self.height,
            byte_size=self.byte_size,
            **{name: None if scores is None else getattr(scores, name) for name in FIGURES},
            quality=receipt.quality,
            target=None if receipt.target is None else receipt.target.ssim,
            target_met=receipt.target_met,
            tries=receipt.tries,
            provisional=receipt.provisional,
            receipt=receipt.as_dict(),
            created_at=self.created_at,
        )


def record(noted: Iterable[Noted]) -> None:
    """This will write receipts down; of one key the last counts.

    One that is pending has no row, and takes away that of an earlier file: no row is what `pending` is known by. A
    draft's does not take the place of a final's, which says what was decided.
    """
    by_key = {one.key: one for one in noted}
    pending = [key for key, one in by_key.items() if one.receipt.state == "pending"]
    for some in _batches(pending):
        VariantQuality.objects.filter(key__in=some).delete()
    drafts = [key for key, one in by_key.items() if one.receipt.provisional]
    final = {key for some in _batches(drafts) for key in _finals(some)}
    VariantQuality.objects.bulk_create(
        [one.row() for key, one in by_key.items() if one.receipt.state != "pending" and key not in final],
        BATCH,
        update_conflicts=True,
        unique_fields=["key"],
        update_fields=FIELDS,
    )


def find(key: str) -> Receipt | None:
    """This will give the receipt of a variant; `None`: it has none, or not yet."""
    return find_many([key]).get(key)


def find_many(keys: Sequence[str]) -> dict[str, Receipt]:
    """This will give the receipts of those variants that have one, in one query for a page of them."""
    rows = VariantQuality.objects.filter(key__in=keys).values_list("key", "receipt")
    found = {key: _read(key, said) for key, said in rows}
    return {key: receipt for key, receipt in found.items() if receipt is not None}


def forget(digests: Collection[str], *, before: datetime) -> None:
    """This will remove the receipts of files that were made of these bytes before a moment."""
    VariantQuality.objects.filter(digest__in=digests, created_at__lt=before).delete()


def _batches(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), BATCH):
        yield keys[start : start + BATCH]


def _finals(keys: Sequence[str]) -> Iterable[str]:
    return VariantQuality.objects.filter(key__in=keys, provisional=False).values_list("key", flat=True)


def _read(key: str, said: object) -> Receipt | None:
    try:
        return read_receipt(said)  # type: ignore[arg-type]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        log.warning("receipt unreadable", key=key, error=repr(error)[:200])
        return None
