"""Which format shows a master in the fewest bytes at equal measured quality: compared once, known ever after."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Final, NamedTuple, TypeVar

import structlog
from django.db import DatabaseError
from django.utils import timezone

from metrics.models import FormatSizes
from pipeline.spec import Format
from pipeline.targets import Target, read_quality, write_quality
from pipeline.version import fingerprint

log = structlog.get_logger("metrics.formats")
T = TypeVar("T")

ICON_PIXELS: Final = 40_000
"""Below it a file's own header weighs as much as what it shows: AVIF's has 300 bytes, WebP's 30."""
UNKNOWN_SECONDS: Final = 2.0
"""How long a process believes that nothing was compared yet; what was compared stays as it is."""
MAX_KNOWN: Final = 20_000


class Subject(NamedTuple):
    """What was compared."""

    digest: str
    target: str
    size: str
    encoder: str


def subject_of(digest: str, target: Target, pixels: int, *, own_size: bool = False) -> Subject:
    """`own_size`: the master's own bytes may be the answer, which then says nothing of other widths."""
    size = "own" if own_size else "icon" if pixels < ICON_PIXELS else "picture"
    return Subject(digest, _said(target), size, fingerprint())


def _said(target: Target) -> str:
    """A quality says no contract, by which a format may miss what it would meet without.

    >>> _said(Target(ssim=0.97)), _said(Target(ssim=0.97, worst_tile=0.95))
    ('auto:0.97', 'auto:0.97 worst_tile=0.95')
    """
    quality = write_quality(target)
    said = read_quality(quality)
    guards = {name: value for name, value in asdict(target).items() if name != "ssim" and value is not None}
    return quality if said == target else " ".join([quality, *(f"{name}={value:g}" for name, value in guards.items())])


class KnownSizes:
    """Asks the database once for each subject, and every two seconds while it knows nothing."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[Subject, Mapping[Format, int]] = {}
        self._unknown: dict[Subject, float] = {}
        self._lock = threading.Lock()

    def find(self, subject: Subject, *, fresh: bool = False) -> Mapping[Format, int] | None:
        """This will give bytes by format, or None: not compared yet, or the database is away.

        `fresh` asks again although nothing was known a moment ago.
        """
        known = self._known.get(subject)
        if known is not None or (not fresh and self._clock() < self._unknown.get(subject, 0.0)):
            return known
        try:
            found = FormatSizes.objects.filter(**subject._asdict()).values_list("byte_sizes", flat=True).first()
        except DatabaseError as error:
            log.warning("sizes by format not read", error=repr(error)[:200])
            found = None
        with self._lock:
            if found is None:
                _bounded(self._unknown)[subject] = self._clock() + UNKNOWN_SECONDS
            else:
                _bounded(self._known)[subject] = found
        return found

    def learn(self, subject: Subject, byte_sizes: Mapping[Format, int], *, width: int) -> Mapping[Format, int]:
        """This will write a comparison down and give what counts: whoever was first."""
        row, _ = FormatSizes.objects.get_or_create(
            **subject._asdict(),
            defaults={"byte_sizes": dict(byte_sizes), "width": width, "created_at": timezone.now()},
        )
        sizes: Mapping[Format, int] = row.byte_sizes
        with self._lock:
            _bounded(self._known)[subject] = sizes
        return sizes

    def clear(self) -> None:
        with self._lock:
            self._known.clear()
            self._unknown.clear()


def _bounded(table: dict[Subject, T]) -> dict[Subject, T]:
    if len(table) >= MAX_KNOWN:
        table.clear()
    return table


SIZES: Final = KnownSizes()
