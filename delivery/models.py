"""What delivery keeps in the database: signing keys (encrypted), presets, the purges other processes must hear of, and
what was rendered."""

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


class Preset(models.Model):
    """A spec with a name, for `preset=name` in URLs."""

    name = models.CharField(max_length=50, unique=True, help_text="As in preset=hero: a-z, 0-9, - and _.")
    params = models.CharField(
        max_length=1000, help_text="As in a URL, such as w=1600&ar=16:9&fit=crop. Percent-encode & and % in values."
    )
    description = models.CharField(max_length=200, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["name"]

    def __str__(self) -> str:
        return self.name


class Purge(models.Model):
    """News for the memory tiers of all processes: what was cached of these masters must go."""

    master_ids = models.JSONField(default=list)
    digests = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    def __str__(self) -> str:
        return f"{len(self.master_ids)} masters at {self.created_at}"


class Variant(models.Model):
    """What was rendered of a master's bytes since their last purge; `delivery.records` writes these rows.

    A row says nothing of the tiers: the variant may have been evicted since, and would be rendered again.
    """

    key = models.CharField(max_length=64, unique=True)
    digest = models.CharField(max_length=64, help_text="Of the master's bytes.")
    params = models.TextField(help_text="The canonical text of the resolved spec.")
    format = models.CharField(max_length=8)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    byte_size = models.PositiveBigIntegerField()
    etag = models.CharField(max_length=64)
    render_ms = models.FloatField(help_text="Milliseconds the render took.")
    passthrough = models.BooleanField(default=False, help_text="Whether it is the master's own bytes.")
    source_formats = models.CharField(
        max_length=50, blank=True, help_text="Formats in which the master's own bytes would have done."
    )
    is_pending = models.BooleanField(default=False, help_text="Whether it has still to be measured.")
    created_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["digest", "created_at"], name="variant_of_digest"),
            # The index has no row of a variant that was measured, which are nearly all.
            models.Index(fields=["-created_at", "-id"], condition=models.Q(is_pending=True), name="variant_to_measure"),
        ]

    def __str__(self) -> str:
        return f"{self.key[:12]} {self.format} {self.width}×{self.height}"
