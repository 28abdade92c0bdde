"""News of masters for the packages above; each carries `master_id` and the `digests` whose variants are stale."""

from __future__ import annotations

from django.dispatch import Signal

master_changed = Signal()
"""Sent after the commit in which a master was replaced, re-focused, re-named or deleted."""
