"""Masters: the stored originals."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from uuid6 import uuid7

from assets.names import ORIGIN_PATH_BYTES, origin_reference, validate_key, validate_original_name, validate_tag


def new_id() -> uuid.UUID:
    """UUIDv7 (RFC 9562): ids that sort by time keep an index's newest pages together."""
    return uuid.UUID(int=uuid7().int)


def validate_share(value: float) -> None:
    if not 0 <= value <= 1:  # NaN is neither below 0 nor above 1
        raise ValidationError(
            "Expected a number from 0 to 1 for the focal point, received %(value)s.", params={"value": value}
        )


class Blob(models.Model):
    """Bytes that were uploaded once or more often, and what was found in them."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the bytes, in hexadecimal.")
    byte_size = models.PositiveBigIntegerField()
    format = models.CharField(max_length=8)
    width = models.PositiveIntegerField(help_text="Pixels, after the EXIF orientation.")
    height = models.PositiveIntegerField(help_text="Pixels, after the EXIF orientation.")
    orientation = models.PositiveSmallIntegerField(default=1)
    pages = models.PositiveIntegerField(default=1)
    has_alpha = models.BooleanField(default=False)
    bit_depth = models.PositiveSmallIntegerField(default=8)
    colour_space = models.CharField(max_length=16, default="rgb")
    profile = models.CharField(max_length=200, blank=True, help_text="Description of the embedded ICC profile.")
    is_srgb = models.BooleanField(default=True)
    interlaced = models.BooleanField(default=False)
    # What a page shows until the picture is there. Empty where it has not been made yet.
    placeholder = models.TextField(blank=True, help_text="A tiny WebP as a data URI.")
    blurhash = models.CharField(max_length=120, blank=True)
    dominant_colour = models.CharField(max_length=7, blank=True, help_text="As #rrggbb.")
    palette = models.JSONField(default=list, blank=True, help_text="Colours as #rrggbb, the most frequent first.")
    is_copied = models.BooleanField(
        default=True, help_text="Whether the bytes lie in our storage; else they lie at the origins of its masters."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.format} {self.width}×{self.height} {self.digest[:12]}"

    @property
    def storage_name(self) -> str:
        """Named by the row, not by the digest: the file of a blob that is being deleted can then never be the
        file of the same bytes uploaded again in that moment."""
        return f"{self.id.hex[-2:]}/{self.id}"


class Tag(models.Model):
    name = models.CharField(max_length=50, unique=True, validators=[validate_tag])

    def __str__(self) -> str:
        return self.name


class Master(models.Model):
    """A stored original, as somebody uploaded and named it, or as it was found at an origin."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    key = models.CharField(
        max_length=200,
        unique=True,
        null=True,
        blank=True,
        validators=[validate_key],
        help_text="A path such as products/shoe, to be used in URLs instead of the id.",
    )
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="masters")
    revision = models.PositiveIntegerField(
        default=1, help_text="Raised when the picture or its focal point changes; part of signed URLs as v."
    )
    original_name = models.CharField(max_length=128, validators=[validate_original_name])
    focal_x = models.FloatField(null=True, blank=True, validators=[validate_share])
    focal_y = models.FloatField(null=True, blank=True, validators=[validate_share])
    tags = models.ManyToManyField(Tag, blank=True, related_name="masters")
    origin = models.CharField(
        max_length=50, blank=True, default="", help_text="Name of the origin it was taken from; empty if uploaded."
    )
    origin_path = models.CharField(max_length=ORIGIN_PATH_BYTES, blank=True, default="")
    origin_said = models.JSONField(
        default=dict, blank=True, help_text="By what the origin can tell whether its picture is still this one."
    )
    checked_at = models.DateTimeField(
        null=True, blank=True, help_text="When the origin last had this picture; empty: it is gone there."
    )
    recheck_at = models.DateTimeField(null=True, blank=True, help_text="When the origin is to be asked again.")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]
        indexes: ClassVar[list[models.Index]] = [
            # For the beginnings of paths, by which masters are purged; those of keys have the like from `unique`.
            models.Index(
                name="master_under_origin",
                fields=["origin", "origin_path"],
                opclasses=["varchar_pattern_ops", "varchar_pattern_ops"],
                condition=~models.Q(origin=""),
            ),
        ]
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                name="focal_point_is_whole",
                condition=models.Q(focal_x__isnull=True, focal_y__isnull=True)
                | models.Q(focal_x__isnull=False, focal_y__isnull=False),
            ),
            models.CheckConstraint(
                name="origin_is_whole",
                condition=models.Q(origin="", origin_path="", recheck_at__isnull=True)
                | (~models.Q(origin="") & ~models.Q(origin_path="") & models.Q(recheck_at__isnull=False)),
            ),
            models.UniqueConstraint(
                name="one_master_of_an_origin_path",
                fields=["origin", "origin_path"],
                condition=~models.Q(origin=""),
            ),
        ]

    def __str__(self) -> str:
        return self.reference if self.key or self.origin else f"{self.original_name} ({self.id})"

    @property
    def reference(self) -> str:
        """What names this master in a URL: where it is at its origin, its key, or its id."""
        return self.at_origin or self.key or str(self.id)

    @property
    def at_origin(self) -> str | None:
        """`@origin/path`, or `None` of an upload."""
        return origin_reference(self.origin, self.origin_path) if self.origin else None


class RetiredReference(models.Model):
    """A key, or a path at an origin, that named a master once, and the highest revision it had then."""

    reference = models.CharField(max_length=800, unique=True)
    revision = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.reference} up to {self.revision}"
