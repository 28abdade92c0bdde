"""News of masters for the packages above; each carries `master_id` and the `digests` whose variants are stale."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from django.db import transaction
from django.dispatch import Signal

from assets.models import Master

master_changed = Signal()
"""Sent after the commit in which a master was replaced, re-focused, re-named or deleted."""

master_damaged = Signal()
"""Sent where stored bytes are not those of the `digest`: they are neither shown nor kept anywhere."""

copy_damaged = Signal()
"""The same of this machine's copy of a master, which is thrown away and fetched again."""


def announce(master_id: uuid.UUID, digests: Sequence[str]) -> None:
    """This will send the news as soon as the transaction around it is committed."""

    def send() -> None:
        master_changed.send(sender=Master, master_id=master_id, digests=list(digests))

    transaction.on_commit(send)
