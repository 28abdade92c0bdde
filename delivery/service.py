"""From a variant request to its bytes: tiers, single flight, render, store."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import structlog
from django.conf import settings
from django.core.cache import caches
from django.core.files.storage import storages

from apikeys.errors import RateLimited
from assets.blobs import blob_source
from assets.children import render_pool
from delivery.entry import Entry, entry_of
from delivery.flight import SingleFlight
from delivery.tiers import Tier
from delivery.tiers.eviction import Evictor
from delivery.tiers.guard import Guarded
from delivery.tiers.memory import MemoryTier
from delivery.tiers.shared import SharedTier
from delivery.tiers.storage import StorageTier
from delivery.variants import VariantKey, VariantRequest, weight_of
from pipeline.rendition import Rendition

log = structlog.get_logger("delivery.render")


@dataclass(frozen=True, slots=True)
class Served:
    """A variant with the name of the tier it came from, `render` if it was made now."""

    entry: Entry
    tier: str
    seconds: dict[str, float] = field(default_factory=dict)
    """Time by phase, where it was rendered."""


class VariantService:
    """The tiers, fastest first, and the renderer behind them."""

    def __init__(
        self,
        memory: MemoryTier,
        lasting: Sequence[Tier],
        flight: SingleFlight[Served],
        render: Callable[[VariantRequest], Rendition],
    ) -> None:
        self.memory = memory
        self._lasting = lasting
        self._flight = flight
        self._render = render

    def fetch(
        self,
        request: VariantRequest,
        *,
        before_render: Callable[[], None] = lambda: None,
        is_current: Callable[[], bool] = lambda: True,
    ) -> Served:
        """This will find the variant or render it once.

        `before_render` may refuse by raising. `is_current` says afterwards whether the variant may be kept: what was
        deleted while it rendered must not rise from the dead.

        Only whoever leads a flight asks the slower tiers, so that a crowd costs them one call. A rate limit stops
        nobody but the client it is about.
        """
        entry = self.memory.get(request.key)
        if entry is not None:
            return Served(entry, self.memory.name)
        return self._flight.run(
            request.key.name, lambda: self._find_or_make(request, before_render, is_current), personal=(RateLimited,)
        )

    def purge(self, digest: str) -> None:
        """This will forget a digest's variants in every tier; other processes hear of it by `delivery.pulse`.

        The slowest goes first: a faster one could be filled from it again at once.
        """
        for tier in reversed(self._lasting):
            tier.purge(digest)
        self.memory.purge(digest)

    def _find_or_make(
        self, request: VariantRequest, before_render: Callable[[], None], is_current: Callable[[], bool]
    ) -> Served:
        found = self._find(request.key)
        if found is not None:
            return found
        before_render()
        start = time.perf_counter()
        rendition = self._render(request)
        entry = entry_of(rendition)
        rendered = time.perf_counter()
        if is_current():
            self._store(request.key, entry, above=len(self._lasting))
        seconds = {
            **rendition.seconds,
            "render": rendered - start,
            "store": time.perf_counter() - rendered,
        }
        log.info(
            "rendered",
            master=str(request.master.id),
            format=entry.format,
            width=entry.width,
            height=entry.height,
            byte_size=len(entry.body),
            passthrough=rendition.passthrough,
            **{f"{phase}_ms": round(1000 * value, 2) for phase, value in seconds.items()},
        )
        return Served(entry, "render", seconds)

    def _find(self, key: VariantKey) -> Served | None:
        entry = self.memory.get(key)
        if entry is not None:
            return Served(entry, self.memory.name)
        for depth, tier in enumerate(self._lasting):
            entry = tier.get(key)
            if entry is not None:
                self._store(key, entry, above=depth)
                return Served(entry, tier.name)
        return None

    def _store(self, key: VariantKey, entry: Entry, *, above: int) -> None:
        """This will copy an entry into the memory tier and the `above` fastest of the others."""
        for tier in self._lasting[:above]:
            tier.put(key, entry)
        self.memory.put(key, entry)


def render_variant(request: VariantRequest) -> Rendition:
    blob = request.master.blob
    return render_pool().render(
        blob_source(blob), request.render, weight=weight_of(blob, request.render.format), label=request.key.name
    )


@cache
def service() -> VariantService:
    """This will give the one service of this process, put together from the settings."""
    config = settings.CONFIG
    storage = storages["variants"]
    evictor = None
    if config.storage == "disk":
        evictor = Evictor(Path(storage.path("")), config.delivery_variants_mb * 1_000_000)
    lasting: list[Tier] = [Guarded(StorageTier(storage, evictor=evictor))]
    if config.redis_url:
        lasting.insert(0, Guarded(SharedTier(caches["variants"])))
    return VariantService(
        MemoryTier(config.delivery_memory_mb * 1_000_000),
        lasting,
        SingleFlight(settings.IMGOPT_DATA_DIR / "locks", wait_seconds=config.render_timeout_seconds * 2),
        render_variant,
    )
