"""News of background work for whoever tells the world; sent inside the transaction that makes it true.

What a receiver writes is written exactly when the end of the job is.
"""

from __future__ import annotations

from django.dispatch import Signal

job_started = Signal()
"""`job`: a worker has taken it, for the first time or again."""

job_ended = Signal()
"""`job`: it is done, failed or cancelled. Only of kinds whose `is_told` is true."""

batch_ended = Signal()
"""`batch`: the last of its jobs has ended."""
