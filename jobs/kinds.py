"""The kinds of work there are: each has a handler, a queue, and what happens when it fails.

@kind("transform", queue="renders")
def transform(claim: Claim) -> None: ...
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from jobs.backoff import Backoff

if TYPE_CHECKING:
    from jobs.claim import Claim

Handler = Callable[["Claim"], None]

MODULES: Final = (
    "jobs.upkeep",
    "jobs.measuring",
    "jobs.refining",
    "jobs.batches.work",
    "jobs.batches.warming",
    "jobs.compat.work",
    "jobs.notifications.delivering",
    "jobs.notifications.pruning",
)
"""Where kinds are registered, and where work begins by itself."""

QUEUES: Final = ("renders", "notifications", "upkeep")
"""Work that waits for different things: cores, other people's servers, the database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    name: str
    queue: str
    handler: Handler
    max_attempts: int
    backoff: Backoff = field(default_factory=Backoff)
    is_told: bool = False
    """Whether the world is told of its end: see `jobs.signals`."""


KINDS: Final[dict[str, Kind]] = {}


def kind(
    name: str, *, queue: str, max_attempts: int = 3, backoff: Backoff | None = None, is_told: bool = False
) -> Callable[[Handler], Handler]:
    """This will register a handler. It may be called again for one job: each attempt begins from the ledger's row."""
    if queue not in QUEUES:
        raise ValueError(f"Expected one of {', '.join(QUEUES)} for the queue of {name}, received {queue!r}.")

    def register(handler: Handler) -> Handler:
        KINDS[name] = Kind(
            name=name,
            queue=queue,
            handler=handler,
            max_attempts=max_attempts,
            backoff=backoff or Backoff(),
            is_told=is_told,
        )
        return handler

    return register


def get_kind(name: str) -> Kind:
    try:
        return KINDS[name]
    except KeyError:
        raise LookupError(f"Expected one of {', '.join(sorted(KINDS))} for kind, received {name!r}.") from None
