"""What searches have taught: curves, which speed the next search, and decisions, which every process keeps to.

A curve only says where to begin. A decision is the receipt of a variant: rendered again, after the tiers have lost it,
the file is written as it was then, whatever has been learnt meanwhile.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, get_args

import structlog
from django.db import Error
from django.utils import timezone

from metrics.curves import Point, added, merged, rising
from metrics.models import Curve
from metrics.receipts import find
from pipeline.request import Decided, Effort, Prior, RenderRequest

log = structlog.get_logger("metrics.learning")

GENERAL: Final = ""
"""In place of a digest: pictures in general."""
LEAST_POINTS: Final = 2
"""A curve of fewer points is no search's."""
REMEMBERED_SECONDS: Final = 2.0
MOST_REMEMBERED: Final = 1000

BATCH: Final = 500

_Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What one search has seen."""

    digest: str
    """Of the master's bytes."""
    format: str
    effort: Effort
    width: int
    curve: Sequence[Point]


class Priors:
    """The curves that were asked for a moment ago, so that a page's pictures do not each ask the database."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: OrderedDict[_Key, tuple[float, Prior | None]] = OrderedDict()

    def find(self, digest: str, file_format: str, effort: Effort) -> Prior | None:
        """This will give the master's own curve in that format, else that of pictures in general, else `None`.

        One of the other effort is better than none: it moves bytes more than SSIM, and drafts leave no curves.
        """
        key = (digest, file_format, effort)
        with self._lock:
            until, prior = self._known.get(key, (0.0, None))
        if self._clock() < until:
            return prior
        prior = _read(digest, file_format, effort)
        with self._lock:
            self._known.pop(key, None)
            self._known[key] = (self._clock() + REMEMBERED_SECONDS, prior)
            if len(self._known) > MOST_REMEMBERED:
                self._known.popitem(last=False)
        return prior

    def clear(self) -> None:
        with self._lock:
            self._known.clear()


PRIORS: Final = Priors()


def prior_for(digest: str, file_format: str, effort: Effort) -> Prior | None:
    """This will say where a search may begin; without the database, nowhere in particular."""
    try:
        return PRIORS.find(digest, file_format, effort)
    except Error as error:
        log.warning("no prior", error=repr(error)[:200])
        return None


def decided_for(key: str) -> Decided | None:
    """This will say how the file of a variant was written when its target was searched for; `None`: it never was.

    Drafts decide nothing. Without the database it is searched for again, and as curves only speed a search, that ends
    where it ended before in all but the cases where the curve falls somewhere.
    """
    try:
        receipt = find(key)
    except Error as error:
        log.warning("no decision", error=repr(error)[:200])
        return None
    if receipt is None or receipt.target is None or receipt.provisional:
        return None
    return Decided(
        quality=receipt.quality,
        chroma=receipt.chroma or "4:2:0",
        bound=receipt.bound,
        own_bytes=receipt.passthrough,
    )


def informed(request: RenderRequest, *, digest: str, key: str) -> RenderRequest:
    """This will add what is known to a request that has a target: the decision, or else where to begin."""
    if request.spec.target is None:
        return request
    decided = decided_for(key)
    if decided is not None:
        return replace(request, decided=decided)
    return replace(request, prior=prior_for(digest, request.format, request.effort))


def learn(lessons: Iterable[Lesson]) -> None:
    """This will keep what searches have seen, of their masters and of pictures in general, in a few statements.

    Another process may write the same curve at the same moment, and one of the two is lost: that costs a search a
    trial at most.
    """
    worth = [one for one in lessons if len(one.curve) >= LEAST_POINTS]
    known = _known({one.digest for one in worth} | {GENERAL}) if worth else {}
    changed: dict[_Key, Curve] = {}
    for one in worth:
        own = _taught(known, changed, one.digest, one)
        own.points = merged(own.points, one.curve) if own.width == one.width else list(one.curve)
        own.width = one.width
        general = _taught(known, changed, GENERAL, one)
        general.points = added(general.points, one.curve)
    Curve.objects.bulk_create(
        changed.values(),
        BATCH,
        update_conflicts=True,
        unique_fields=["digest", "format", "effort"],
        update_fields=["points", "width", "seen", "updated_at"],
    )


def forget(digests: Collection[str]) -> None:
    """This will forget the curves of these bytes: they may never come again, and a search would be a little longer."""
    Curve.objects.filter(digest__in=digests).exclude(digest=GENERAL).delete()


def _known(digests: Collection[str]) -> dict[_Key, Curve]:
    found: dict[_Key, Curve] = {}
    wanted = sorted(digests)
    for start in range(0, len(wanted), BATCH):
        for row in Curve.objects.filter(digest__in=wanted[start : start + BATCH]):
            found[row.digest, row.format, row.effort] = row
    return found


def _taught(known: Mapping[_Key, Curve], changed: dict[_Key, Curve], digest: str, lesson: Lesson) -> Curve:
    """This will give the row that a lesson is to be written into, a new one where there is none."""
    key = (digest, lesson.format, lesson.effort)
    if key not in changed:
        old = known.get(key, Curve(seen=0))
        changed[key] = Curve(
            digest=digest, format=lesson.format, effort=lesson.effort,
            points=old.points, width=old.width, seen=old.seen,
        )  # fmt: skip
    changed[key].seen += 1
    changed[key].updated_at = timezone.now()
    return changed[key]


def _read(digest: str, file_format: str, effort: Effort) -> Prior | None:
    rows = Curve.objects.filter(digest__in=(digest, GENERAL), format=file_format)
    points = {(row.digest, row.effort): row.points for row in rows}
    efforts = sorted(get_args(Effort), key=lambda each: each != effort)
    for each in efforts:
        if own := points.get((digest, each)):
            return Prior(points=tuple((int(quality), float(ssim)) for quality, ssim in own), is_own=True)
    for each in efforts:
        if general := points.get((GENERAL, each)):
            return Prior(points=rising([(int(quality), mean, seen) for quality, mean, seen in general]))
    return None
