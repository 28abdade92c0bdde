"""What can go wrong with background work.

ImgoptError
├── JobNotFound       no job of that id
└── JobError          told to the ledger, and never the answer to a request
    ├── LeaseLost     the job is another worker's by now, or was cancelled: what was made of it must not be kept
    └── Reject        the job can never succeed: no further attempt
"""

from __future__ import annotations

from pipeline.errors import ImgoptError


class JobNotFound(ImgoptError):
    code = "not_found"

    def __init__(self, message: str = "Job not found") -> None:
        super().__init__(message)


class JobError(ImgoptError):
    """Something that only a worker hears of."""


class LeaseLost(JobError):
    code = "lease_lost"

    def __init__(self, message: str = "The job is no longer this worker's.") -> None:
        super().__init__(message)


class Reject(JobError):
    code = "rejected"
