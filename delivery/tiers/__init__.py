"""Cache tiers: one small protocol, fastest first.

Absent is `None`; broken is an exception, which `delivery.tiers.guard` turns into a miss.
"""

from __future__ import annotations

from typing import Protocol

from delivery.entry import Entry
from delivery.variants import VariantKey


class Tier(Protocol):
    name: str

    def get(self, key: VariantKey) -> Entry | None: ...

    def put(self, key: VariantKey, entry: Entry) -> None: ...

    def purge(self, *digests: str) -> None:
        """This will forget every variant of the masters with these digests."""
