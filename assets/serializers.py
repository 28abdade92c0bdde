"""What the REST API says of masters, and what it takes."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from assets.models import Blob, Master
from assets.names import TAG
from pipeline.errors import BadParameter


class MetadataSerializer(serializers.ModelSerializer[Master]):
    """The object that the compatible API promises."""

    originalName = serializers.CharField(source="original_name", help_text="A file name without its extension.")  # noqa: N815
    format = serializers.CharField(source="blob.format", help_text="jpeg, png, webp, avif, gif, tiff, bmp or ico.")
    width = serializers.IntegerField(source="blob.width", help_text="Pixels of the upright picture.")
    height = serializers.IntegerField(source="blob.height", help_text="Pixels of the upright picture.")
    byteSize = serializers.IntegerField(source="blob.byte_size")  # noqa: N815

    class Meta:
        model = Master
        fields: ClassVar[list[str]] = ["id", "originalName", "format", "width", "height", "byteSize"]


class MasterSerializer(MetadataSerializer):
    """All that is known of a master."""

    key = serializers.CharField(allow_null=True, help_text="Its name in URLs instead of the id, such as products/shoe.")
    origin = serializers.CharField(source="at_origin", allow_null=True, help_text="Such as @shop/shoe.jpg.")
    revision = serializers.IntegerField(help_text="Raised when the picture or its focal point changes; v in URLs.")
    focalX = serializers.FloatField(source="focal_x", allow_null=True, help_text="0 to 1 from the left.")  # noqa: N815
    focalY = serializers.FloatField(source="focal_y", allow_null=True, help_text="0 to 1 from the top.")  # noqa: N815
    tags: serializers.ManyRelatedField = serializers.SlugRelatedField(  # type: ignore[assignment]
        many=True, read_only=True, slug_field="name"
    )
    digest = serializers.CharField(source="blob.digest", help_text="SHA-256 of the bytes.")
    orientation = serializers.IntegerField(source="blob.orientation", help_text="EXIF's, applied to width and height.")
    pages = serializers.IntegerField(source="blob.pages", help_text="Frames of an animation, pages of a TIFF.")
    hasAlpha = serializers.BooleanField(source="blob.has_alpha")  # noqa: N815
    bitDepth = serializers.IntegerField(source="blob.bit_depth", help_text="8, 16 or 32.")  # noqa: N815
    colourSpace = serializers.CharField(source="blob.colour_space", help_text="rgb, grey, cmyk or lab.")  # noqa: N815
    profile = serializers.CharField(source="blob.profile", help_text="What the embedded ICC profile calls itself.")
    isSrgb = serializers.BooleanField(source="blob.is_srgb")  # noqa: N815
    placeholder = serializers.CharField(source="blob.placeholder", help_text="A tiny WebP as a data: URI.")
    blurhash = serializers.CharField(source="blob.blurhash")
    dominantColour = serializers.CharField(source="blob.dominant_colour", help_text="As #rrggbb.")  # noqa: N815
    createdAt = serializers.DateTimeField(source="created_at")  # noqa: N815
    updatedAt = serializers.DateTimeField(source="updated_at")  # noqa: N815

    class Meta:
        model = Master
        fields: ClassVar[list[str]] = [
            *MetadataSerializer.Meta.fields,
            "key",
            "origin",
            "revision",
            "focalX",
            "focalY",
            "tags",
            "digest",
            "orientation",
            "pages",
            "hasAlpha",
            "bitDepth",
            "colourSpace",
            "profile",
            "isSrgb",
            "placeholder",
            "blurhash",
            "dominantColour",
            "createdAt",
            "updatedAt",
        ]


class PlaceholderSerializer(serializers.ModelSerializer[Blob]):
    """What a page shows until the picture is there."""

    dataUri = serializers.CharField(source="placeholder", help_text="A WebP of at most 32 px as a data: URI.")  # noqa: N815
    blurhash = serializers.CharField(help_text="As blurha.sh defines it, of 4 × 3 or 3 × 4 components.")
    dominantColour = serializers.CharField(source="dominant_colour", help_text="The palette's first.")  # noqa: N815
    palette = serializers.ListField(
        child=serializers.CharField(), help_text="One to six colours as #rrggbb, the most frequent first."
    )

    class Meta:
        model = Blob
        fields: ClassVar[list[str]] = ["dataUri", "blurhash", "dominantColour", "palette", "width", "height"]


class UploadSerializer(serializers.Serializer[Master]):
    """A form with one or many files."""

    file = serializers.ListField(child=serializers.FileField(), min_length=1, help_text="One part for each picture.")
    key = serializers.ListField(
        child=serializers.CharField(allow_blank=True),
        required=False,
        help_text="None, or one part for each file in the same order; an empty one gives its file no key.",
    )


class ReplacementSerializer(serializers.Serializer[Master]):
    """A form with exactly one file."""

    file = serializers.FileField()


class ChangeSerializer(serializers.Serializer[Master]):
    """What may be changed; a field that is left out stays as it is."""

    originalName = serializers.CharField(source="original_name", max_length=128, required=False)  # noqa: N815
    key = serializers.CharField(max_length=200, required=False, allow_null=True)
    focalX = serializers.FloatField(source="focal_x", min_value=0, max_value=1, required=False, allow_null=True)  # noqa: N815
    focalY = serializers.FloatField(source="focal_y", min_value=0, max_value=1, required=False, allow_null=True)  # noqa: N815
    tags = serializers.ListField(child=serializers.RegexField(rf"^{TAG.pattern}$"), max_length=50, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        unknown = sorted(set(self.initial_data) - set(self.fields))
        if unknown:
            raise BadParameter(f"Expected some of {', '.join(self.fields)}, received {unknown[0][:40]!r}.")
        return attrs
