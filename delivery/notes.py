"""What is found out about the request under way, for its one line in the log and for the counters.

Whoever knows a fact notes it; nothing ever reads one to decide an answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_notes: ContextVar[dict[str, Any] | None] = ContextVar("imgopt_notes", default=None)


def note(**facts: Any) -> None:
    """This will add to the notes; outside of a request it does nothing."""
    notes = _notes.get()
    if notes is not None:
        notes.update(facts)


@contextmanager
def taking_notes() -> Iterator[dict[str, Any]]:
    """This will give the notes that are made inside."""
    notes: dict[str, Any] = {}
    token = _notes.set(notes)
    try:
        yield notes
    finally:
        _notes.reset(token)
