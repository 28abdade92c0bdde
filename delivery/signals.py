"""News of variants for the packages above."""

from __future__ import annotations

from django.dispatch import Signal

final_wanted = Signal()
"""`request`, a `VariantRequest`: a draft is about to be answered, and its final is to be made in the background.

It is sent until a receiver has answered True, which says that the work is written down for good.
"""

purging = Signal()
"""`digests`: all that is kept of these bytes goes now, and what is being made of them must not be kept."""
