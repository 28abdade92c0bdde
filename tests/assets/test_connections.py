"""Who waits for a render keeps nobody from the database."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from assets import connections


@pytest.mark.parametrize(
    ("pool", "is_open", "in_transaction", "given_back"),
    [(True, True, False, 1), (False, True, False, 0), (True, False, False, 0), (True, True, True, 0)],
)
def test_a_shared_connection_is_given_back_unless_a_transaction_needs_it(
    monkeypatch: pytest.MonkeyPatch, pool: bool, is_open: bool, in_transaction: bool, given_back: int
) -> None:
    closed: list[Any] = []
    fake = SimpleNamespace(
        connection=object() if is_open else None,
        in_atomic_block=in_transaction,
        settings_dict={"OPTIONS": {"pool": {"max_size": 1}} if pool else {}},
        close=lambda: closed.append(1),
    )
    monkeypatch.setattr(connections, "connection", fake)
    connections.give_back()
    assert len(closed) == given_back
