"""How workers hear of jobs. The ledger is the truth for every engine.

`table`: workers look into the ledger themselves. `celery`: a broker carries the ids to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction

if TYPE_CHECKING:
    from jobs.models import Job


def announce(jobs: Sequence[Job]) -> None:
    """This will tell workers of jobs as soon as the transaction around it is committed.

    Nothing hangs on it: what gets lost is found in the ledger.
    """
    if settings.CONFIG.jobs_engine == "celery":
        transport = import_module("jobs.engines.celery")
        transaction.on_commit(partial(transport.send, list(jobs)))
