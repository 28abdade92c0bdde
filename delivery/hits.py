"""What the edge may answer by itself: verified URLs with what is known of their variants."""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

from delivery.signing import Keyring, SigningKey
from delivery.variants import VariantKey
from pipeline.spec import Format

MAX_HITS = 50_000


class HitKey(NamedTuple):
    """A request as the edge sees it, signature and all. (A tuple: a dataclass costs twice as much to hash.)"""

    path: str
    query: str
    accepted: tuple[Format, ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """A request whose signature was verified, with what answers it.

    Whoever sends the same characters again has the same signature: what is left to check is whether its key still
    verifies and its time is not over.
    """

    variant: VariantKey
    signed_with: SigningKey
    expires_at: int | None
    master_id: uuid.UUID
    etag: str
    revisioned: bool
    headers: tuple[tuple[str, str], ...]
    """All that do not depend on the moment."""
    headers_304: tuple[tuple[str, str], ...]

    def is_valid(self, keyring: Keyring, now: float) -> bool:
        key = self.signed_with
        return keyring.secrets.get(key.kid) == key.secret and (self.expires_at is None or now < self.expires_at)


class HitIndex:
    """A bounded table of hits. It forgets a master's hits on a purge, and does not learn them again from a request
    that began before the purge."""

    def __init__(self, max_hits: int = MAX_HITS) -> None:
        self._max_hits = max_hits
        self._hits: OrderedDict[HitKey, Hit] = OrderedDict()
        self._by_master: dict[uuid.UUID, set[HitKey]] = {}
        self._purges: OrderedDict[uuid.UUID, int] = OrderedDict()
        self._epoch = 0
        self._lock = threading.Lock()

    @property
    def epoch(self) -> int:
        """To be read before the master is looked up, and given to `remember`."""
        return self._epoch

    def find(self, key: HitKey) -> Hit | None:
        return self._hits.get(key)

    def remember(self, key: HitKey, hit: Hit, *, epoch: int) -> None:
        with self._lock:
            if not self.is_current(hit.master_id, epoch):
                return
            former = self._hits.pop(key, None)
            if former is not None:
                self._forget(key, former)
            self._hits[key] = hit
            self._by_master.setdefault(hit.master_id, set()).add(key)
            if len(self._hits) > self._max_hits:
                oldest, old_hit = self._hits.popitem(last=False)
                self._forget(oldest, old_hit)

    def purge(self, master_id: uuid.UUID) -> None:
        with self._lock:
            self._epoch += 1
            self._purges[master_id] = self._epoch
            self._purges.move_to_end(master_id)
            if len(self._purges) > self._max_hits:
                self._purges.popitem(last=False)
            for key in self._by_master.pop(master_id, set()):
                self._hits.pop(key, None)

    def is_current(self, master_id: uuid.UUID, epoch: int) -> bool:
        """Whether no purge of the master has come since `epoch`."""
        return self._purges.get(master_id, 0) <= epoch

    def clear(self) -> None:
        """This will forget everything."""
        with self._lock:
            self._hits.clear()
            self._by_master.clear()
            self._purges.clear()

    def _forget(self, key: HitKey, hit: Hit) -> None:
        siblings = self._by_master.get(hit.master_id)
        if siblings is not None:
            siblings.discard(key)
            if not siblings:
                del self._by_master[hit.master_id]


HITS = HitIndex()
