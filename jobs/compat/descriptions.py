"""The job API, described for OpenAPI: one constant for each operation."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from delivery.receipt_document import EXAMPLE, ReceiptSerializer
from jobs.compat.asked import MAX_DIMENSION
from jobs.compat.service import STATUSES
from pipeline.export import FORMATS

TAGS: Final = ["jobs"]
JOB_STATUSES: Final = tuple(sorted(set(STATUSES.values())))

OPTIONS: Final[dict[str, Any]] = {"format": "webp", "maxDimension": 1000, "quality": 80, "keepMetadata": False}
PENDING: Final[dict[str, Any]] = {
    "id": "01a2037e-7d20-7c51-8a0e-6f1d2b9c4e55",
    "status": "pending",
    "originalID": "01a2037e-5c1e-7a04-9d0b-3f6b5f0f2c11",
    "tasks": [{"id": "01a2037e-7d20-7c51-8a0e-6f1d2b9c4e56", "options": OPTIONS, "variantID": None}],
    "createdAt": "2026-05-01T12:00:00.000000Z",
}
COMPLETED: Final[dict[str, Any]] = {
    **PENDING,
    "status": "completed",
    "tasks": [{**PENDING["tasks"][0], "variantID": "01a2037e-8f31-7d62-9b1f-7a2e3c0d5f66", "receipt": EXAMPLE}],
    "lockedAt": "2026-05-01T12:00:00.100000Z",
}
FAILED: Final[dict[str, Any]] = {
    **PENDING,
    "status": "failed",
    "lockedAt": "2026-05-01T12:00:00.100000Z",
    "reason": "Image not found",
}


class OptionsSerializer(serializers.Serializer[None]):
    """One copy. Keys are matched whatever their case; unknown ones are ignored."""

    format = serializers.ChoiceField(
        FORMATS,
        required=False,
        help_text="Absent: the image's own; of those that are not written a still becomes PNG, else WebP.",
    )
    maxDimension = serializers.IntegerField(  # noqa: N815
        min_value=0, max_value=MAX_DIMENSION, required=False, help_text="Of the longer side; 0 or absent: as it is."
    )
    quality = serializers.IntegerField(
        min_value=1,
        max_value=100,
        required=False,
        help_text="In the encoder's scale; absent: found for an SSIM of 0.97.",
    )
    keepMetadata = serializers.BooleanField(  # noqa: N815
        required=False, help_text="Whether EXIF, XMP and the ICC profile stay."
    )
    extra = serializers.DictField(required=False, help_text="Kept and told again; it means nothing here.")


class JobRequestSerializer(serializers.Serializer[None]):
    """What a job is asked for."""

    originalID = serializers.CharField(help_text="Id or key of an image.")  # noqa: N815
    options = OptionsSerializer(many=True, allow_empty=False)


class TaskSerializer(serializers.Serializer[None]):
    """One option, and what came of it."""

    id = serializers.UUIDField()
    options = OptionsSerializer()
    variantID = serializers.UUIDField(allow_null=True, help_text="An image like any other; null until it is made.")  # noqa: N815
    receipt = ReceiptSerializer(required=False, help_text="What the copy measures; absent until it is made.")


class JobSerializer(serializers.Serializer[None]):
    """How a job stands."""

    id = serializers.UUIDField()
    status = serializers.ChoiceField(JOB_STATUSES)
    originalID = serializers.UUIDField()  # noqa: N815
    tasks = TaskSerializer(many=True, help_text="In the order of the options.")
    createdAt = serializers.DateTimeField()  # noqa: N815
    lockedAt = serializers.DateTimeField(required=False, help_text="When a worker took it.")  # noqa: N815
    reason = serializers.CharField(required=False, help_text="Why it failed.")


class HealthSerializer(serializers.Serializer[None]):
    """That the service is there."""

    message = serializers.CharField()


HEALTH: Final = extend_schema(
    operation_id="getHealth",
    summary="Whether the service answers",
    description="Needs no key. `/readyz` asks the dependencies too.",
    tags=TAGS,
    responses={200: HealthSerializer},
    examples=[OpenApiExample("example", {"message": "Service is healthy"}, response_only=True)],
)
BEGIN: Final = extend_schema(
    operation_id="beginJob",
    summary="Ask for copies of an image",
    description=(
        "Each option becomes a task, and each finished task a new image. The body is taken for JSON whatever its "
        "Content-Type says, and what is wrong with it is a 400."
    ),
    tags=TAGS,
    request=JobRequestSerializer,
    extensions={"x-required-scope": "upload", "x-any-content-type": True},
    responses={201: JobSerializer, 404: None},
    examples=[
        OpenApiExample("One copy", {"originalID": PENDING["originalID"], "options": [OPTIONS]}, request_only=True),
        OpenApiExample("Begun", PENDING, response_only=True),
    ],
)
STATUS: Final = extend_schema(
    operation_id="getJob",
    summary="How a job stands",
    description="`pending`, `processing`, then `completed` or `failed`. What was made of a failed job stays.",
    tags=TAGS,
    parameters=[OpenApiParameter("job", OpenApiTypes.STR, OpenApiParameter.PATH, description="The job's id.")],
    responses={200: OpenApiResponse(JobSerializer), 404: None},
    examples=[
        OpenApiExample("Completed", COMPLETED, response_only=True),
        OpenApiExample("Failed", FAILED, response_only=True),
    ],
)
