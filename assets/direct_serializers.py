"""What the REST API of direct uploads takes and gives."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.urls import reverse
from rest_framework import serializers

from assets.direct import Offer
from assets.names import TAG, validate_key, validate_original_name
from pipeline.errors import BadParameter


class Strict(serializers.Serializer[Any]):
    """Refuses fields that do not exist."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        unknown = sorted(set(self.initial_data) - set(self.fields))
        if unknown:
            raise BadParameter(f"Expected some of {', '.join(self.fields)}, received {unknown[0][:40]!r}.")
        return attrs


class WishSerializer(Strict):
    byteSize = serializers.IntegerField(  # noqa: N815
        source="byte_size",
        min_value=1,
        required=False,
        help_text="The file's length: then it is sent by `PUT`. Without it: by a form.",
    )


class OfferSerializer(serializers.Serializer[Offer]):
    id = serializers.UUIDField(help_text="The master's id, once the upload is completed.")
    method = serializers.ChoiceField(choices=["POST", "PUT"])
    url = serializers.URLField(help_text="Where in S3 the picture is to be sent.")
    form = serializers.DictField(
        child=serializers.CharField(), help_text="Of a `POST`: the form's fields, which stand before its `file`."
    )
    maxBytes = serializers.IntegerField(source="max_bytes", help_text="S3 takes no more.")  # noqa: N815
    expiresAt = serializers.DateTimeField(source="expires_at", help_text="S3 takes it until then.")  # noqa: N815
    complete = serializers.SerializerMethodField(help_text="What to `POST` to afterwards.")

    def get_complete(self, offer: Offer) -> str:
        return reverse("upload-completion", args=[offer.id])


class CompletionSerializer(Strict):
    originalName = serializers.CharField(  # noqa: N815
        source="name", max_length=128, required=False, help_text="A file name without its extension."
    )
    key = serializers.CharField(max_length=200, required=False, allow_null=True)
    tags = serializers.ListField(child=serializers.RegexField(rf"^{TAG.pattern}$"), max_length=50, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """What cannot be is told before the picture is fetched and decoded."""
        super().validate(attrs)
        try:
            if attrs.get("key"):
                validate_key(attrs["key"])
            if "name" in attrs:
                validate_original_name(attrs["name"])
        except ValidationError as error:
            raise BadParameter(error.messages[0]) from error
        return attrs
