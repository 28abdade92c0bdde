"""What delivery keeps in the database: signing keys, encrypted, and the purges other processes must hear of."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class SigningKey(models.Model):
    """A key for URLs. The newest that is not revoked signs; all that are not revoked verify."""

    kid = models.CharField(max_length=16, unique=True)
    sealed = models.TextField(help_text="The key, encrypted with one derived from Django's secret.")
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.kid


class Purge(models.Model):
    """News for the memory tiers of all processes: what was cached of this master must go."""

    master_id = models.UUIDField()
    digests = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    def __str__(self) -> str:
        return f"{self.master_id} at {self.created_at}"
