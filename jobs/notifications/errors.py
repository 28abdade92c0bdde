"""What can go wrong with telling the world.

JobError
├── NotDelivered   the target did not take it; to be tried again, not before `retry_after_seconds`
└── Gone           the target says that it will never take anything again
"""

from __future__ import annotations

from jobs.errors import JobError


class NotDelivered(JobError):
    code = "not_delivered"

    def __init__(self, message: str, *, retry_after_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Gone(NotDelivered):
    """To be told from the others by its class: whoever waits for a delivery has only the one code."""
