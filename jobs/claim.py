"""What a handler has in its hands: one attempt at one job."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction

from jobs import ledger
from jobs.errors import LeaseLost
from jobs.models import Job


class Claim:
    """A job that this worker has taken. Every write goes by the claim's token, and raises `LeaseLost` without it."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.token = job.token
        self.is_lost = False
        """Set by the heartbeat: the job has been cancelled, or another worker has it."""

    @property
    def payload(self) -> dict[str, Any]:
        return dict(self.job.payload)

    @property
    def result(self) -> dict[str, Any]:
        """What earlier attempts have saved."""
        return dict(self.job.result)

    def check(self) -> None:
        """This will raise `LeaseLost` if it is known that nobody waits for the rest."""
        if self.is_lost:
            raise LeaseLost

    def progress(self, share: float) -> None:
        """This will say how much is done, 0 to 1."""
        self.check()
        ledger.save_progress(self.job, progress=share)

    @contextmanager
    def saving(self, *, progress: float | None = None, **result: Any) -> Iterator[None]:
        """This will keep a part of the result, together with what is written inside, or neither.

        The claim's row is changed first: who has lost it stops here, and who has it cannot lose it before the end.
        """
        with self._together():
            ledger.save_progress(self.job, progress=progress, result={**self.job.result, **result})
            yield

    @contextmanager
    def finishing(self, **result: Any) -> Iterator[None]:
        """This will end the job well, together with what is written inside, or neither."""
        with self._together():
            ledger.finish(self.job, result={**self.job.result, **result})
            yield

    @contextmanager
    def _together(self) -> Iterator[None]:
        self.check()
        before = dict(vars(self.job))
        try:
            with transaction.atomic():
                yield
        except BaseException:
            vars(self.job).update(before)  # or this process would believe what was rolled back
            raise
