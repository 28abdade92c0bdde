"""The types of events, as they stand in `type` of a webhook and in the header `type` of a message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

EVENT_TYPES: Final[Mapping[str, str]] = {
    "job.started": "a worker has begun a job",
    "job.completed": "a job is done",
    "job.failed": "a job has failed for good",
    "job.cancelled": "a job was cancelled",
    "batch.completed": "the last job of a batch has ended",
    "variant.final": "the final of a variant has replaced its draft",
}
TEST: Final = "endpoint.test"
"""Sent by the button in the admin; no target can leave it out."""
