"""What this process has rendered, until the pulse writes it down: a cold answer does not wait for the database."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog

from delivery import models
from delivery.entry import Entry
from delivery.variants import VariantRequest
from metrics import learning, receipts
from pipeline.params import canonical
from pipeline.receipt import Receipt

log = structlog.get_logger("delivery.records")

MAX_RECORDS = 10_000
"""Two seconds' worth many times over: it fills only while the database is away, and then the oldest go."""
BATCH = 500
FIELDS = (
    "digest",
    "params",
    "format",
    "width",
    "height",
    "byte_size",
    "etag",
    "render_ms",
    "passthrough",
    "source_formats",
    "is_pending",
    "created_at",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One render, as little worked out as can be. (The body is not held: the memory tier decides about that.)"""

    request: VariantRequest
    format: str
    width: int
    height: int
    byte_size: int
    etag: str
    render_ms: float
    passthrough: bool
    receipt: Receipt
    curve: Sequence[tuple[int, float]]
    """What the search for its target has seen; empty where there was none."""
    created_at: datetime
    was_found: bool = False
    """In a tier, not rendered: what the database knows of it is right, if it knows anything."""

    def write(self) -> models.Variant:
        """This will write it down now, with its receipt, within the caller's transaction."""
        [row] = write_rows([self.row()])
        receipts.record([self.noted()])
        return row

    def row(self) -> models.Variant:
        return models.Variant(
            key=self.request.key.name,
            digest=self.request.key.digest,
            params=canonical(self.request.render.spec),
            format=self.format,
            width=self.width,
            height=self.height,
            byte_size=self.byte_size,
            etag=self.etag,
            render_ms=self.render_ms,
            passthrough=self.passthrough,
            source_formats=write_formats(self.request.render.source_formats),
            is_pending=self.receipt.state == "pending",
            created_at=self.created_at,
        )

    def noted(self) -> receipts.Noted:
        return receipts.Noted(
            key=self.request.key.name,
            digest=self.request.key.digest,
            format=self.format,
            width=self.width,
            height=self.height,
            byte_size=self.byte_size,
            receipt=self.receipt,
            created_at=self.created_at,
        )

    def lesson(self) -> learning.Lesson:
        """What its search has seen is of use for other widths of the master, and for other masters."""
        return learning.Lesson(
            digest=self.request.key.digest,
            format=self.request.render.format,
            effort=self.receipt.effort,
            width=self.width,
            curve=self.curve,
        )


def record_of(
    request: VariantRequest,
    entry: Entry,
    *,
    seconds: float,
    passthrough: bool,
    curve: Sequence[tuple[int, float]] = (),
) -> Record:
    return Record(
        request=request,
        format=entry.format,
        width=entry.width,
        height=entry.height,
        byte_size=len(entry.body),
        etag=entry.etag.strip('"'),
        render_ms=round(1000 * seconds, 2),
        passthrough=passthrough,
        receipt=entry.receipt,
        curve=curve,
        created_at=datetime.now(UTC),
    )


def write_rows(rows: Collection[models.Variant]) -> list[models.Variant]:
    return models.Variant.objects.bulk_create(
        rows, BATCH, update_conflicts=True, unique_fields=["key"], update_fields=FIELDS
    )


class Records:
    """A bounded list of renders that are not written down yet."""

    def __init__(self, max_records: int = MAX_RECORDS) -> None:
        self._waiting: deque[Record] = deque()
        self._found: OrderedDict[str, None] = OrderedDict()
        self._max_records = max_records
        self._lock = threading.Lock()

    def note(
        self,
        request: VariantRequest,
        entry: Entry,
        *,
        seconds: float,
        passthrough: bool,
        curve: Sequence[tuple[int, float]] = (),
    ) -> None:
        record = record_of(request, entry, seconds=seconds, passthrough=passthrough, curve=curve)
        with self._lock:
            self._waiting.append(record)
            if len(self._waiting) > self._max_records:
                self._waiting.popleft()

    def note_found(self, request: VariantRequest, entry: Entry) -> None:
        """This will have a variant that waits to be measured written down unless it is, once a process.

        One that was killed may have stored it and not come to that; without a row nobody would ever measure it.
        """
        record = record_of(request, entry, seconds=0.0, passthrough=entry.receipt.passthrough)
        with self._lock:
            if request.key.name in self._found:
                return
            self._found[request.key.name] = None
            if len(self._found) > self._max_records:
                self._found.popitem(last=False)
            self._waiting.append(replace(record, was_found=True))
            if len(self._waiting) > self._max_records:
                self._waiting.popleft()

    def forget(self, digests: Collection[str], *, before: datetime) -> None:
        """This will drop what was rendered of these bytes before they were purged."""
        gone = frozenset(digests)
        with self._lock:
            kept = [one for one in self._waiting if one.request.key.digest not in gone or one.created_at >= before]
            self._waiting = deque(kept)

    def flush(self) -> None:
        """This will write all of them down, with their receipts and what was learnt; if the database fails they wait
        for the next time."""
        with self._lock:
            taken, self._waiting = self._waiting, deque()
        try:
            made = [record for record in taken if not record.was_found]
            weak, strong = (
                # Rendered twice: the later one.
                {
                    record.request.key.name: record.row()
                    for record in taken
                    if (record.was_found or record.receipt.provisional) is is_weak
                }
                for is_weak in (True, False)
            )
            # Another process may have written its final down meanwhile, or what was found.
            models.Variant.objects.bulk_create(weak.values(), BATCH, ignore_conflicts=True)
            write_rows(strong.values())
            receipts.record([record.noted() for record in made])
            learning.learn([record.lesson() for record in made])
        except BaseException:
            with self._lock:
                self._waiting.extendleft(reversed(taken))
                while len(self._waiting) > self._max_records:
                    self._waiting.popleft()
            raise

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()
            self._found.clear()


RECORDS = Records()


def write_formats(formats: Collection[str]) -> str:
    """This will write what `read_formats` reads.

    >>> write_formats({"webp", "avif"}), read_formats("avif,webp") == {"webp", "avif"}, read_formats("")
    ('avif,webp', True, frozenset())
    """
    return ",".join(sorted(formats))


def read_formats(text: str) -> frozenset[str]:
    return frozenset(text.split(",")) if text else frozenset()
