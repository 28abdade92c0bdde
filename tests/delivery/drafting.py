"""Drafts without a ledger: who receives `final_wanted`, and finals made as jobs make them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from delivery.drafts import as_final
from delivery.entry import Entry, entry_of
from delivery.service import Served, VariantService
from delivery.variants import VariantRequest
from tests.delivery.world import Renderer, asked, master


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Wanted:
    """Receives `final_wanted` in the place of the ledger."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.answer: Any = True

    def receive(self, request: VariantRequest, **_: Any) -> Any:
        self.keys.append(request.key.name)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def keeping(entries: list[Entry]) -> Callable[[Entry], AbstractContextManager[None]]:
    @contextmanager
    def keep(entry: Entry) -> Iterator[None]:
        entries.append(entry)
        yield

    return keep


def final_of(request: VariantRequest) -> Entry:
    return entry_of(Renderer()(as_final(request)))


def finalised(subject: VariantService, request: VariantRequest) -> Served:
    """This will make the final as a job does."""
    return subject.finalise(request, keeping=keeping([]), personal=())


def large(params: str = "w=1200&fm=avif") -> VariantRequest:
    """An AVIF that takes seconds."""
    return asked(params=params)


def small() -> VariantRequest:
    return asked(master(width=64, height=64), params="w=64&fm=jpg")
