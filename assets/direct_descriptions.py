"""The REST API of direct uploads, described for OpenAPI."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from assets.descriptions import METADATA, TAGS
from assets.direct_serializers import CompletionSerializer, OfferSerializer, WishSerializer
from assets.serializers import MetadataSerializer

OFFERED: Final[dict[str, Any]] = {
    "id": "01a2037e-5c1e-7a04-9d0b-3f6b5f0f2c11",
    "method": "PUT",
    "url": "https://s3.example.com/imgopt-masters/incoming/01a2037e-5c1e-7a04-9d0b-3f6b5f0f2c11?X-Amz-Signature=…",
    "form": {},
    "maxBytes": 2913134,
    "expiresAt": "2026-05-01T12:15:00.000000Z",
    "complete": "/api/v1/uploads/01a2037e-5c1e-7a04-9d0b-3f6b5f0f2c11/complete",
}


def _shown(serializer: Any, example: Any) -> OpenApiResponse:
    shown = OpenApiExample("example", value=example, response_only=True)
    return OpenApiResponse(serializer, description="", examples=[shown])


OFFER = extend_schema(
    operation_id="offerUpload",
    summary="Offer an upload straight to S3",
    description="For large pictures, and for browsers: the bytes do not pass through this service twice.",
    tags=TAGS,
    request=WishSerializer,
    responses={201: _shown(OfferSerializer, OFFERED), 409: None},
)
COMPLETE = extend_schema(
    operation_id="completeUpload",
    summary="Make a master of what was uploaded to S3",
    description="It is fetched, hashed and decoded whole and strictly first. To ask again gives the same master.",
    tags=TAGS,
    parameters=[OpenApiParameter("upload", OpenApiTypes.UUID, OpenApiParameter.PATH, description="The offer's id.")],
    request=CompletionSerializer,
    responses={201: _shown(MetadataSerializer, METADATA), **dict.fromkeys((404, 409, 422, 504, 507))},
)
