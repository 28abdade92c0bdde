"""The REST API of batches, described for OpenAPI: one constant for each operation."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from assets.paging import Paging
from delivery.receipt_document import EXAMPLE, ReceiptSerializer
from imgopt_client.sources import TYPES
from jobs.batches.manifest import STATUSES
from jobs.batches.service import MAX_MASTERS, NAME_LENGTH
from jobs.batches.spec import MAX_WIDTHS
from pipeline.values import MAX_SIDE

TAGS: Final = ["batches"]
BATCH_STATUSES: Final = ("pending", "processing", "completed", "failed", "cancelled")

SPEC: Final = {"params": {"ar": "16:9", "fit": "crop"}, "widths": [480, 960], "formats": ["avif", "webp"]}
COUNTS: Final = {"total": 12, "waiting": 3, "running": 2, "done": 6, "failed": 1, "cancelled": 0}
BATCH: Final[dict[str, Any]] = {
    "id": "01a2037e-5c1e-7a04-9d0b-3f6b5f0f2c11",
    "name": "Summer",
    "status": "processing",
    "progress": 0.5833,
    "counts": COUNTS,
    "spec": SPEC,
    "createdAt": "2026-05-01T12:00:00.000000Z",
    "finishedAt": None,
}
VARIANT: Final[dict[str, Any]] = {
    "params": {"ar": "16:9", "fit": "crop", "w": "480", "fm": "avif"},
    "format": "avif",
    "width": 480,
    "height": 270,
    "quality": 60,
    "passthrough": False,
    "byteSize": 18231,
    "savedBytes": 2894903,
    "ssim": 0.972341,
    "worstTile": 0.913552,
    "psnr": 38.211904,
    "rmse": 3.133201,
    "deltaE": 0.812331,
    "deltaE95": 1.921043,
    "deltaE99": 2.903312,
    "chromaDeltaE": 1.104551,
    "receipt": EXAMPLE,
    "error": None,
    "url": "https://images.example.com/i/products/shoe?ar=16:9&fit=crop&fm=avif&v=1&w=480&s=…",
}
ITEM: Final[dict[str, Any]] = {
    "master": "01a2037e-5c1e-7a04-9d0b-3f6b5f0f2c11",
    "reference": "products/shoe",
    "status": "completed",
    "error": None,
    "progress": 1.0,
    "masterBytes": 2913134,
    "variants": [VARIANT],
}


class SpecSerializer(serializers.Serializer[None]):
    """What is asked of each master."""

    params = serializers.DictField(child=serializers.CharField(), help_text="Delivery parameters, without fm.")
    widths = serializers.ListField(
        child=serializers.IntegerField(), help_text="Pixels, exact. Empty: those that markup offers."
    )
    formats = serializers.ListField(child=serializers.CharField(), help_text="Empty: those that markup names.")


class CountsSerializer(serializers.Serializer[None]):
    """How many of its masters are in which state."""

    total = serializers.IntegerField()
    waiting = serializers.IntegerField()
    running = serializers.IntegerField()
    done = serializers.IntegerField()
    failed = serializers.IntegerField()
    cancelled = serializers.IntegerField()


class BatchSerializer(serializers.Serializer[None]):
    """How a batch stands."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    status = serializers.ChoiceField(
        BATCH_STATUSES, help_text="completed: it has ended, and something was made; its items say what failed."
    )
    progress = serializers.FloatField(help_text="0 to 1.")
    counts = CountsSerializer()
    spec = SpecSerializer()
    createdAt = serializers.DateTimeField()  # noqa: N815
    finishedAt = serializers.DateTimeField(allow_null=True)  # noqa: N815


class VariantResultSerializer(serializers.Serializer[None]):
    """One variant; the scores compare it with the pixels before encoding."""

    params = serializers.DictField(child=serializers.CharField(), help_text="As in its URL.")
    format = serializers.CharField()
    width = serializers.IntegerField(allow_null=True)
    height = serializers.IntegerField(allow_null=True)
    quality = serializers.IntegerField(allow_null=True, help_text="In the encoder's own scale; null where it has none.")
    passthrough = serializers.BooleanField(allow_null=True, help_text="Whether it is the master's own bytes.")
    byteSize = serializers.IntegerField(allow_null=True)  # noqa: N815
    savedBytes = serializers.IntegerField(allow_null=True, help_text="Against the master's bytes.")  # noqa: N815
    ssim = serializers.FloatField(allow_null=True)
    worstTile = serializers.FloatField(allow_null=True, help_text="The lowest SSIM of a tile of 64 px.")  # noqa: N815
    psnr = serializers.FloatField(allow_null=True, help_text="Decibels; null where nothing differs.")
    rmse = serializers.FloatField(allow_null=True)
    deltaE = serializers.FloatField(allow_null=True, help_text="Mean CIEDE2000.")  # noqa: N815
    deltaE95 = serializers.FloatField(allow_null=True, help_text="Its 95th percentile.")  # noqa: N815
    deltaE99 = serializers.FloatField(allow_null=True)  # noqa: N815
    chromaDeltaE = serializers.FloatField(allow_null=True)  # noqa: N815
    receipt = ReceiptSerializer(allow_null=True, help_text="Null where none was made, or by an earlier version.")
    error = serializers.CharField(allow_null=True, help_text="Why there is none.")
    url = serializers.CharField(allow_null=True, help_text="Signed as of now; null where nothing can be delivered.")


class ItemSerializer(serializers.Serializer[None]):
    """What was made of one master."""

    master = serializers.UUIDField()
    reference = serializers.CharField(allow_null=True, help_text="Its key, or its id.")
    status = serializers.ChoiceField(sorted(STATUSES.values()))
    error = serializers.CharField(allow_null=True)
    progress = serializers.FloatField()
    masterBytes = serializers.IntegerField(allow_null=True)  # noqa: N815
    variants = VariantResultSerializer(many=True)


class ManifestSerializer(serializers.Serializer[None]):
    """The whole of a batch."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    spec = SpecSerializer()
    items = ItemSerializer(many=True)


class _AskedSerializer(serializers.Serializer[None]):
    name = serializers.CharField(max_length=NAME_LENGTH, required=False, allow_blank=True)
    preset = serializers.CharField(required=False, help_text="Its params come beneath those said here.")
    params = serializers.DictField(
        child=serializers.CharField(), required=False, help_text="Delivery parameters, without fm and auto."
    )
    widths = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=MAX_SIDE),
        max_length=MAX_WIDTHS,
        required=False,
        help_text="Pixels, exact; wider than a master: left out. None: those that markup offers.",
    )
    formats = serializers.ListField(
        child=serializers.ChoiceField(list(TYPES)), required=False, help_text="None: those that markup names."
    )


class BatchOfMastersSerializer(_AskedSerializer):
    """Of masters that are there: exactly one of images, prefix, tag and all."""

    images = serializers.ListField(
        child=serializers.CharField(), max_length=MAX_MASTERS, required=False, help_text="Ids or keys."
    )
    prefix = serializers.CharField(required=False, help_text="What their keys begin with, or @origin/ and a path.")
    tag = serializers.CharField(required=False)
    all = serializers.BooleanField(required=False, help_text="true: the whole library.")


class BatchOfUploadsSerializer(serializers.Serializer[None]):
    """Of files that come along, which become masters: the rest of the batch is JSON in the field `batch`."""

    file = serializers.ListField(child=serializers.FileField(), min_length=1)
    key = serializers.ListField(child=serializers.CharField(allow_blank=True), required=False)
    batch = serializers.CharField(required=False, help_text='Such as {"name": "Summer", "formats": ["avif"]}.')


def _pages(child: type[serializers.Serializer[None]], name: str) -> type[serializers.Serializer[None]]:
    fields: dict[str, Any] = {
        "count": serializers.IntegerField(help_text="How many on all pages."),
        "next": serializers.URLField(allow_null=True),
        "previous": serializers.URLField(allow_null=True),
        "results": child(many=True),
    }
    return type(name, (serializers.Serializer,), fields)


_BATCH: Final = OpenApiParameter(
    "batch",
    location="path",
    description="Its id.",
    examples=[OpenApiExample("An id", "01a2037e-5c1e-7a04-9d0b-3f6b5f0f2c11")],
)
_PAGE: Final = [
    OpenApiParameter("limit", OpenApiTypes.INT, description=f"How many on a page, 1 to {Paging.max_limit}."),
    OpenApiParameter("offset", OpenApiTypes.INT, description="How many to leave out before it."),
]

BEGIN: Final = extend_schema(
    operation_id="beginBatch",
    summary="Begin a batch",
    description=(
        "Renders variants of many masters in the background: one decode for all widths and formats of a master, each "
        "measured, into the storage tier. Sizes are exact. Masters of an upload are made in the same step, all or "
        "none; that needs the scope `upload` as well."
    ),
    tags=TAGS,
    request={"application/json": BatchOfMastersSerializer, "multipart/form-data": BatchOfUploadsSerializer},
    responses={201: BatchSerializer, 404: None, 409: None, 422: None, 507: None},
    examples=[
        OpenApiExample("A key prefix in a preset", {"prefix": "products/", "preset": "hero"}, request_only=True),
        OpenApiExample("Begun", BATCH, response_only=True),
    ],
)
LIST: Final = extend_schema(
    operation_id="listBatches",
    summary="List the batches",
    description="The newest first.",
    tags=TAGS,
    responses={200: _pages(BatchSerializer, "BatchPageSerializer")},
    parameters=_PAGE,
    examples=[
        OpenApiExample(
            "One of them", {"count": 1, "next": None, "previous": None, "results": [BATCH]}, response_only=True
        )
    ],
)
STATUS: Final = extend_schema(
    operation_id="getBatch",
    summary="See how a batch stands",
    parameters=[_BATCH],
    tags=TAGS,
    responses={200: BatchSerializer, 404: None},
    examples=[OpenApiExample("Under way", BATCH, response_only=True)],
)
ITEMS: Final = extend_schema(
    operation_id="listBatchItems",
    summary="See what was made of each master",
    parameters=[_BATCH, *_PAGE],
    tags=TAGS,
    responses={200: _pages(ItemSerializer, "ItemPageSerializer"), 404: None},
    examples=[
        OpenApiExample(
            "A whole item", {"count": 1, "next": None, "previous": None, "results": [ITEM]}, response_only=True
        )
    ],
)
JSON_MANIFEST: Final = extend_schema(
    operation_id="getBatchManifest",
    summary="Download the manifest as JSON",
    description="Items whose turn has not come have no variants yet.",
    parameters=[_BATCH],
    tags=TAGS,
    responses={200: ManifestSerializer, 404: None},
    examples=[
        OpenApiExample(
            "Of one master", {"id": BATCH["id"], "name": "Summer", "spec": SPEC, "items": [ITEM]}, response_only=True
        )
    ],
)
CSV_MANIFEST: Final = extend_schema(
    operation_id="getBatchManifestCsv",
    summary="Download the manifest as CSV",
    description="A row for each variant; a master of which there is none has one row with its error.",
    parameters=[_BATCH],
    tags=TAGS,
    responses={(200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, description="RFC 4180, with a header."), 404: None},
)
CANCEL: Final = extend_schema(
    operation_id="cancelBatch",
    summary="Cancel a batch",
    description="Ends what is waiting or under way; what was made stays.",
    parameters=[_BATCH],
    tags=TAGS,
    request=None,
    responses={200: BatchSerializer, 404: None},
    examples=[
        OpenApiExample("Ended", {**BATCH, "status": "completed", "finishedAt": BATCH["createdAt"]}, response_only=True)
    ],
)
