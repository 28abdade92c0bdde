"""From a variant request to its bytes: tiers, single flight, render, store."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING

import structlog
from django.conf import settings

from apikeys.errors import RateLimited
from assets.flight import SingleFlight
from assets.locks import Lease
from assets.locks.current import shared_locks
from delivery import counters, quality_counters
from delivery.drafts import Refine, answer_to, as_draft, as_final, tell
from delivery.entry import Entry, entry_of
from delivery.notes import note
from delivery.records import RECORDS
from delivery.refinements import REFINEMENTS
from delivery.rendering import SEARCH_LIMITS, render_variant, rendered
from delivery.tiers import Tier
from delivery.tiers.current import lasting_tiers
from delivery.tiers.memory import MemoryTier
from delivery.variants import VariantKey, VariantRequest
from pipeline.rendition import Rendition

if TYPE_CHECKING:
    from delivery.tiers.shared import SharedTier

log = structlog.get_logger("delivery.render")


@dataclass(frozen=True, slots=True)
class Served:
    """A variant with the name of the tier it came from, `render` if it was made now."""

    entry: Entry
    tier: str
    seconds: dict[str, float] = field(default_factory=dict, compare=False)
    """Time by phase where it was rendered, else of the look-up in the tier that had it."""


class VariantService:
    """The tiers, fastest first, and the renderer behind them."""

    def __init__(
        self,
        memory: MemoryTier,
        lasting: Sequence[Tier],
        flight: SingleFlight[Served],
        render: Callable[[VariantRequest], Rendition],
        *,
        shared: SharedTier | None = None,
    ) -> None:
        """`shared`: the first of the lasting tiers where it lies in Redis, as it is without a guard."""
        self.memory = memory
        self.lasting = lasting
        self.shared = shared
        self._flight = flight
        self._render = render

    def fetch(
        self,
        request: VariantRequest,
        *,
        refine: Refine = "auto",
        before_render: Callable[[], None] = lambda: None,
        is_current: Callable[[], bool] = lambda: True,
    ) -> Served:
        """This will find the variant or render it once; a draft of it where `delivery.drafts` says so.

        `before_render` may refuse by raising. `is_current` says afterwards whether the variant may be kept: what was
        deleted while it rendered must not rise from the dead.

        Only whoever leads a flight asks the slower tiers, so that a crowd costs them one call. A rate limit stops
        nobody but the client it is about.
        """
        note(master=str(request.master.id), master_bytes=request.master.blob.byte_size)
        drafts = answer_to(request, refine) == "draft"
        served = self._find_in_memory(request.key, drafts=drafts)
        if served is None:
            served = self._flight.lead(
                # Whoever is content with a draft does not wait for a final.
                f"{request.key.name}.draft" if drafts else request.key.name,
                lambda lease: (
                    self._find(request.key, lease, drafts=drafts)
                    or self._make_for_client(
                        as_draft(request) if drafts else as_final(request), lease, refine, before_render, is_current
                    )
                ),
                look=lambda: self._find_in_shared(request.key),
                personal=(RateLimited,),
            )
            if not is_current():  # purged while it was read: what had been read came into memory after the purge
                self.memory.purge(request.key.digest)
            note(**in_milliseconds(served.seconds))
            if served.entry.receipt.state == "pending" and served.tier != "render":
                RECORDS.note_found(request, served.entry)
        if served.entry.receipt.provisional and refine == "auto":
            REFINEMENTS.want(request)
        return served

    def finalise(
        self,
        request: VariantRequest,
        *,
        keeping: Callable[[Entry], AbstractContextManager[object]],
        personal: tuple[type[Exception], ...],
    ) -> Served:
        """This will make a final in the background, in the flight that clients wait for too, or find it made.

        It takes its place in every tier inside `keeping`: if that raises, nothing is kept. An error of a `personal`
        type is not that of others who wait for the same flight.
        """

        def find_or_make(lease: Lease) -> Served:
            def keep(entry: Entry) -> Entry | None:
                with keeping(entry):
                    return self._place(request.key, entry, lease)

            # The memory of this process may not have heard of a purge yet.
            found = self._find_in_lasting(request.key, lease, drafts=False)
            if found is None:
                return self._make(as_final(request), keep, made="background")
            with keeping(found.entry):
                return found

        return self._flight.lead(request.key.name, find_or_make, personal=personal)

    def put_slowest(self, key: VariantKey, entry: Entry) -> None:
        """This will keep a variant in the slowest tier only."""
        with self._flight.holding(f"{key.name}.place"):
            self.lasting[-1].put(key, entry)

    def purge(self, *digests: str) -> None:
        """This will forget the variants of these digests in every tier; other processes hear of it by `delivery.pulse`.

        The slowest goes first: a faster one could be filled from it again at once.
        """
        for tier in reversed(self.lasting):
            tier.purge(*digests)
        self.memory.purge(*digests)

    def _make_for_client(
        self,
        request: VariantRequest,
        lease: Lease,
        refine: Refine,
        before_render: Callable[[], None],
        is_current: Callable[[], bool],
    ) -> Served:
        def keep(entry: Entry) -> Entry | None:
            kept = self._place(request.key, entry, lease) if is_current() else None
            if kept is not None and not is_current():  # purged while we wrote: it may have come too late for the purge
                self.purge(request.key.digest)
                return None
            return kept

        before_render()
        served = self._make(request, keep)
        if served.entry.receipt.provisional:
            REFINEMENTS.forget(request)  # what was written down is an earlier draft's final
            if refine == "auto":
                REFINEMENTS.want(request)  # before anybody is answered
        return served

    def _make(self, request: VariantRequest, keep: Callable[[Entry], Entry | None], *, made: str = "request") -> Served:
        """This will render and tell of it. `keep` gives what has been kept, or `None`."""
        start = time.perf_counter()
        rendition = replace(rendered(request, self._render), provisional=request.render.predict)
        entry = entry_of(rendition)
        made_at = time.perf_counter()
        kept = keep(entry)
        if kept is entry:
            RECORDS.note(
                request,
                entry,
                seconds=made_at - start,
                passthrough=rendition.passthrough,
                curve=rendition.curve,
            )
        seconds = {
            **rendition.seconds,
            "render": made_at - start,
            "store": time.perf_counter() - made_at,
        }
        counters.rendered(
            entry.format, {**seconds, "total": time.perf_counter() - start}, passthrough=rendition.passthrough
        )
        tell(request, entry, seconds=made_at - start, made=made)
        quality_counters.made(entry)
        log.info(
            "rendered",
            master=str(request.master.id),
            format=entry.format,
            width=entry.width,
            height=entry.height,
            byte_size=len(entry.body),
            passthrough=rendition.passthrough,
            provisional=entry.receipt.provisional,
            **in_milliseconds(seconds),
        )
        return Served(kept or entry, "render", seconds)

    def _find(self, key: VariantKey, lease: Lease, *, drafts: bool) -> Served | None:
        return self._find_in_memory(key, drafts=drafts) or self._find_in_lasting(key, lease, drafts=drafts)

    def _find_in_memory(self, key: VariantKey, *, drafts: bool) -> Served | None:
        entry = self.memory.get(key)
        if entry is None or (entry.receipt.provisional and not drafts):
            return None
        return Served(entry, self.memory.name)

    def _find_in_shared(self, key: VariantKey) -> Served | None:
        """A final in Redis answers without a lock: the two calls that one costs would treble the way."""
        if self.shared is None:
            return None
        start = time.perf_counter()
        entry = self.lasting[0].get(key)
        if entry is None or entry.receipt.provisional:
            return None
        self.memory.put(key, entry)
        return Served(entry, self.shared.name, {self.shared.name: time.perf_counter() - start})

    def _find_in_lasting(self, key: VariantKey, lease: Lease, *, drafts: bool) -> Served | None:
        """A slower tier may have the final of a faster one's draft: all are asked before a draft is answered."""
        draft: Served | None = None
        for depth, tier in enumerate(self.lasting):
            start = time.perf_counter()
            entry = tier.get(key)
            if entry is None:
                continue
            found = Served(entry, tier.name, {tier.name: time.perf_counter() - start})
            if not entry.receipt.provisional:
                self._store(key, entry, lease, above=depth)
                return found
            draft = draft or found
        if draft is None or not drafts:
            return None
        self.memory.put(key, draft.entry)  # no further: the final may be on its way into the tiers between
        return draft

    def _place(self, key: VariantKey, entry: Entry, lease: Lease) -> Entry | None:
        """This will keep an entry in every tier and give it back; a draft that comes too late gives its final.

        Who has slept past the lock keeps nothing: it gives what others have made meanwhile, or `None`.
        """
        with self._flight.holding(f"{key.name}.place"):
            if lease.is_lost():
                log.warning("lease lost, not kept", key=key.path)
                later = self._find_in_lasting(key, lease, drafts=entry.receipt.provisional)
                return None if later is None else later.entry
            if entry.receipt.provisional and self.lasting:
                known = self.lasting[-1].get(key)
                if known is not None and not known.receipt.provisional:
                    return known
            self._store(key, entry, lease, above=len(self.lasting))
        return entry

    def _store(self, key: VariantKey, entry: Entry, lease: Lease, *, above: int) -> None:
        """This will copy an entry into the memory tier and the `above` fastest of the others, the slowest first."""
        for tier in reversed(self.lasting[:above]):
            tier.put(key, entry, lease)
        self.memory.put(key, entry)


def in_milliseconds(seconds: dict[str, float]) -> dict[str, float]:
    return {f"{phase}_ms": round(1000 * value, 2) for phase, value in seconds.items()}


@cache
def service() -> VariantService:
    """This will give the one service of this process, put together from the settings."""
    config = settings.CONFIG
    lasting, shared = lasting_tiers(config)
    return VariantService(
        MemoryTier(config.delivery_memory_mb * 1_000_000),
        lasting,
        # As long as a final may take: whoever waits for one that is being made gets it, and not a 503 halfway.
        SingleFlight(
            settings.IMGOPT_DATA_DIR / "locks",
            wait_seconds=config.render_timeout_seconds * SEARCH_LIMITS,
            shared=shared_locks(),
        ),
        render_variant,
        shared=shared,
    )
