"""What the edge may answer by itself: verified URLs with what is known of their variants."""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from delivery.hints import Hints
from delivery.signing import Keyring, SigningKey
from delivery.variants import VariantKey
from pipeline.spec import Format

MAX_HITS = 50_000
Subject = uuid.UUID | str
"""What an answer hangs on: a master, by its id, or a preset, by its name."""


class HitKey(NamedTuple):
    """A request as the edge sees it, signature and all. (A tuple: a dataclass costs twice as much to hash.)"""

    path: str
    query: str
    accepted: tuple[Format, ...]
    hints: Hints | None = None
    """Of the client, where they are heeded at all."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A request whose signature was verified, with what answers it.

    Whoever sends the same characters again has the same signature: what is left to check is whether its key still
    verifies and its time is not over.
    """

    variant: VariantKey
    signed_with: SigningKey
    expires_at: int | None
    subjects: tuple[Subject, ...]
    """The master, its watermark and the preset: a change of any ends the hit."""
    etag: str
    revisioned: bool
    headers: tuple[tuple[str, str], ...]
    """All that do not depend on the moment."""
    headers_304: tuple[tuple[str, str], ...]
    saved_bytes: int = 0
    """What sending the master instead would have cost more."""
    ask_again_at: float | None = None
    """When the origin of what is shown must be asked whether it has another picture; `None`: it has no origin."""
    is_draft: bool = False
    """Nobody may keep it for longer than seconds."""

    def is_valid(self, keyring: Keyring, now: float) -> bool:
        key = self.signed_with
        return (
            keyring.secrets.get(key.kid) == key.secret
            and (self.expires_at is None or now < self.expires_at)
            and (self.ask_again_at is None or now < self.ask_again_at)
        )


class HitIndex:
    """A bounded table of hits. It forgets a subject's hits on a purge, and does not learn them again from a request
    that began before the purge."""

    def __init__(self, max_hits: int = MAX_HITS) -> None:
        self._max_hits = max_hits
        self._hits: OrderedDict[HitKey, Hit] = OrderedDict()
        self._by_subject: dict[Subject, set[HitKey]] = {}
        self._purges: OrderedDict[Subject, int] = OrderedDict()
        self._epoch = 0
        self._oldest_known = 0
        self._lock = threading.Lock()

    @property
    def epoch(self) -> int:
        """To be read before any subject is looked up, and given to `remember`."""
        return self._epoch

    def find(self, key: HitKey) -> Hit | None:
        return self._hits.get(key)

    def remember(self, key: HitKey, hit: Hit, *, epoch: int) -> None:
        with self._lock:
            if not self.is_current(hit.subjects, epoch):
                return
            self._drop(key)
            self._hits[key] = hit
            for subject in hit.subjects:
                self._by_subject.setdefault(subject, set()).add(key)
            if len(self._hits) > self._max_hits:
                self._drop(next(iter(self._hits)))

    def purge(self, subject: Subject) -> None:
        with self._lock:
            self._epoch += 1
            self._purges[subject] = self._epoch
            self._purges.move_to_end(subject)
            if len(self._purges) > self._max_hits:
                self._oldest_known = self._purges.popitem(last=False)[1]
            for key in tuple(self._by_subject.get(subject, ())):
                self._drop(key)

    def is_current(self, subjects: Iterable[Subject], epoch: int) -> bool:
        """Whether no purge of one of these has come since `epoch`; no, where that is too long ago to be known."""
        return epoch >= self._oldest_known and all(self._purges.get(subject, 0) <= epoch for subject in subjects)

    def clear(self) -> None:
        """This will forget everything."""
        with self._lock:
            self._hits.clear()
            self._by_subject.clear()
            self._purges.clear()

    def _drop(self, key: HitKey) -> None:
        hit = self._hits.pop(key, None)
        for subject in set(hit.subjects) if hit else ():
            siblings = self._by_subject[subject]
            siblings.discard(key)
            if not siblings:
                del self._by_subject[subject]


HITS = HitIndex()
