"""The receipts of variants, what their searches taught, and which format is smallest."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models


class VariantQuality(models.Model):
    """The receipt of one variant as it was made last. Columns are what is searched and charted; `receipt` is whole.

    Its quality and chroma are the decision that every process keeps to: rendered again, the variant has the same bytes.
    """

    key = models.CharField(max_length=64, unique=True, help_text="Of the variant.")
    digest = models.CharField(max_length=64, help_text="Of the master's bytes.")
    format = models.CharField(max_length=8)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    byte_size = models.PositiveBigIntegerField()
    ssim = models.FloatField(null=True, blank=True, help_text="Null: cannot be measured; the receipt says why.")
    worst_tile = models.FloatField(null=True, blank=True)
    delta_e_mean = models.FloatField(null=True, blank=True)
    delta_e_p95 = models.FloatField(null=True, blank=True)
    delta_e_p99 = models.FloatField(null=True, blank=True)
    quality = models.PositiveSmallIntegerField(null=True, blank=True, help_text="As the encoder was told.")
    target = models.FloatField(null=True, blank=True, help_text="The SSIM aimed at; null: a quality was asked for.")
    target_met = models.BooleanField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0, help_text="How often the encoder was asked.")
    provisional = models.BooleanField(default=False, help_text="Whether it is a draft.")
    receipt = models.JSONField(default=dict)
    created_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]
        verbose_name_plural = "variant qualities"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["digest", "created_at"], name="quality_of_digest"),
            models.Index(fields=["format", "created_at"], name="quality_by_format"),
        ]

    def __str__(self) -> str:
        return f"{self.key[:12]} {self.format}"


class Curve(models.Model):
    """SSIM by quality of one master in one format, as the last search saw it; without a digest, of all pictures.

    `metrics.curves` says what the points of that one are.
    """

    digest = models.CharField(max_length=64, help_text="Of the master's bytes; empty: pictures in general.")
    format = models.CharField(max_length=8)
    effort = models.CharField(max_length=5)
    points = models.JSONField(
        default=list, help_text="[quality, SSIM] in rising order; of pictures in general means, each with their number."
    )
    width = models.PositiveIntegerField(default=0, help_text="Of the variant.")
    seen = models.PositiveIntegerField(default=1, help_text="Searches that went into it.")
    updated_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["digest", "format", "effort"], name="one_curve")
        ]

    def __str__(self) -> str:
        return f"{self.digest[:12] or 'any'} {self.format}"


class FormatSizes(models.Model):
    """Bytes of one master by format at equal measured quality: the smallest is what `fm=auto` gives."""

    digest = models.CharField(max_length=64, help_text="Of the master's bytes.")
    target = models.CharField(max_length=100, help_text="The quality and contract that they were compared at.")
    size = models.CharField(
        max_length=8,
        help_text="icon, picture or own: headers decide of few pixels, a master's own bytes at its own size.",
    )
    encoder = models.CharField(max_length=200, help_text="The version of all that shapes the bytes.")
    byte_sizes = models.JSONField(default=dict, help_text="By format.")
    width = models.PositiveIntegerField(help_text="At which they were compared.")
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["digest", "target", "size", "encoder"], name="one_comparison")
        ]

    def __str__(self) -> str:
        return f"{self.digest[:12]} {self.target}"
