"""Kinds of work that only tests have."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from jobs import running, upkeep
from jobs.backoff import Backoff
from jobs.kinds import KINDS, Handler, Kind

MakeKind = Callable[..., str]


@pytest.fixture
def make_kind(monkeypatch: pytest.MonkeyPatch) -> MakeKind:
    """Registers a handler under a name for as long as the test runs."""

    def make(
        handler: Handler = lambda _claim: None,
        *,
        name: str = "errand",
        queue: str = "renders",
        max_attempts: int = 3,
        is_told: bool = False,
        backoff: Backoff | None = None,
    ) -> str:
        kind = Kind(
            name=name,
            queue=queue,
            handler=handler,
            max_attempts=max_attempts,
            is_told=is_told,
            backoff=backoff or Backoff(),
        )
        monkeypatch.setitem(KINDS, name, kind)
        return name

    return make


@pytest.fixture(autouse=True)
def _no_period_is_written_down() -> Iterator[None]:
    upkeep._written.clear()
    yield
    upkeep._written.clear()


@pytest.fixture(autouse=True)
def _connection_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job begins by looking at its connection; PostgreSQL's, on which a test has its transaction, would be closed."""
    monkeypatch.setattr(running, "close_old_connections", lambda: None)
