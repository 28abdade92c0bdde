"""Cache tiers: one small protocol, fastest first.

Absent is `None`; broken is an exception, which `delivery.tiers.guard` turns into a miss.
"""

from __future__ import annotations

from typing import Protocol

from assets.locks import Lease
from delivery.entry import Entry
from delivery.variants import VariantKey


class Tier(Protocol):
    name: str

    def get(self, key: VariantKey) -> Entry | None: ...

    def put(self, key: VariantKey, entry: Entry, lease: Lease | None = None) -> None:
        """This will keep an entry, and never a draft in the place of a final.

        `lease` is that under which it was made: what can compare it with the newest at the moment of writing does so.
        """

    def purge(self, *digests: str) -> None:
        """This will forget every variant of the masters with these digests."""
