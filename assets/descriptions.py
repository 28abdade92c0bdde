"""The REST API of masters, described for OpenAPI: one constant for each operation.

What is the same for all of them (keys, scopes, `reference`, most errors) is added by `imgopt.schema`.
"""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from assets.download import CONTENT_TYPES
from assets.listing import DEFAULT_ORDERING, FILTERS, ORDERINGS
from assets.serializers import (
    ChangeSerializer,
    MasterSerializer,
    MetadataSerializer,
    PlaceholderSerializer,
    ReplacementSerializer,
    UploadSerializer,
)

TAGS: Final = ["masters"]
FORM: Final = "multipart/form-data"

METADATA: Final[dict[str, Any]] = {
    "id": "01a2037e-5c1e-7a04-9d0b-3f6b5f0f2c11",
    "originalName": "Red_shoe_1",
    "format": "jpeg",
    "width": 4032,
    "height": 3024,
    "byteSize": 2913134,
}
LOOK: Final[dict[str, Any]] = {
    "blurhash": "LLDI%Pt60LNH_2ofD*WBbvj[Rjoe",
    "dominantColour": "#4b3e1d",
}
TINY: Final = "data:image/webp;base64,UklGRioAAABXRUJQVlA4IB4AAABQAQCdASoBAAEABgCIJQBOgCgAAP7q1FaRDpUEAAA="
MASTER: Final[dict[str, Any]] = {
    **METADATA,
    "key": "products/shoe",
    "origin": None,
    "revision": 1,
    "focalX": None,
    "focalY": None,
    "tags": ["summer"],
    "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "orientation": 6,
    "pages": 1,
    "hasAlpha": False,
    "bitDepth": 8,
    "colourSpace": "rgb",
    "profile": "Display P3",
    "isSrgb": False,
    "placeholder": TINY,
    **LOOK,
    "createdAt": "2026-05-01T12:00:00.000000Z",
    "updatedAt": "2026-05-01T12:00:00.000000Z",
}
PLACEHOLDER: Final[dict[str, Any]] = {
    "dataUri": TINY,
    **LOOK,
    "palette": ["#4b3e1d", "#201605", "#87632e", "#b1b190", "#706c53"],
    "width": 4032,
    "height": 3024,
}
# A master of an origin may be fetched by being asked for, with all that may go wrong there.
FETCHED: Final[dict[int, None]] = dict.fromkeys((413, 415, 422, 504, 507))


def _shown(serializer: Any, example: Any, description: str = "") -> OpenApiResponse:
    shown = OpenApiExample("example", value=example, response_only=True)
    return OpenApiResponse(serializer, description=description, examples=[shown])


def _filters() -> list[OpenApiParameter]:
    rows = [OpenApiParameter(name, dict(row.schema), description=row.help) for name, row in FILTERS.items()]
    names = "|".join(ORDERINGS)
    ordering = {"type": "string", "pattern": f"^-?({names})(,-?({names}))*$", "default": DEFAULT_ORDERING}
    help_text = "Names separated by commas, each once and with `-` for descending; the id decides between equals."
    return [*rows, OpenApiParameter("ordering", ordering, description=help_text)]


LIST = extend_schema(
    operation_id="listImages",
    summary="List and search",
    description="Filters narrow each other. Parameters that do not exist are refused.",
    tags=TAGS,
    parameters=_filters(),
    responses={200: _shown(MasterSerializer(many=True), MASTER)},
)
UPLOAD = extend_schema(
    operation_id="uploadImages",
    summary="Upload",
    description=(
        "Every picture is decoded whole and strictly before anything is stored, and all files are stored or none. "
        "What is no picture, or damaged, is a 400 here."
    ),
    tags=TAGS,
    request={FORM: UploadSerializer},
    responses={
        201: _shown(
            {"type": "array", "items": {"$ref": "#/components/schemas/Metadata"}},
            [METADATA],
            "In the order of the files.",
        ),
        **dict.fromkeys((409, 422, 504, 507)),
    },
)
GET = extend_schema(
    operation_id="getImage",
    summary="All that is known of one",
    tags=TAGS,
    responses={200: _shown(MasterSerializer, MASTER), **FETCHED},
)
CHANGE = extend_schema(
    operation_id="changeImage",
    summary="Change",
    description="What is left out stays. A moved focal point raises the revision; a new key ends the old addresses.",
    tags=TAGS,
    request=ChangeSerializer,
    responses={200: _shown(MasterSerializer, MASTER), 409: None},
    examples=[OpenApiExample("example", value={"tags": ["summer"], "focalX": 0.3, "focalY": 0.5}, request_only=True)],
)
REPLACE = extend_schema(
    operation_id="replaceImage",
    summary="Replace the picture",
    description="Id, key, tags and focal point stay, the revision is raised.",
    tags=TAGS,
    request={FORM: ReplacementSerializer},
    responses={200: _shown(MasterSerializer, MASTER), **dict.fromkeys((422, 504, 507))},
)
DELETE = extend_schema(
    operation_id="deleteImage",
    summary="Delete",
    description="The bytes go with their last master, the variants with their master.",
    tags=TAGS,
    responses={204: OpenApiResponse(description="Deleted.")},
)
METADATA_OF = extend_schema(
    operation_id="getImageMetadata",
    summary="The short object that the upload answered with",
    tags=TAGS,
    responses={200: _shown(MetadataSerializer, METADATA), **FETCHED},
)
PLACEHOLDER_OF = extend_schema(
    operation_id="getImagePlaceholder",
    summary="What a page shows until the picture is there",
    description="Made at the upload, or now for an older master. Of an animation: its first frame.",
    tags=TAGS,
    responses={200: _shown(PlaceholderSerializer, PLACEHOLDER), **FETCHED},
)
DOWNLOAD = extend_schema(
    operation_id="downloadImage",
    summary="The stored bytes",
    description="Byte for byte, whole or one range of them.",
    tags=TAGS,
    parameters=[
        OpenApiParameter("Range", str, OpenApiParameter.HEADER, description="Such as `bytes=0-1023`."),
        OpenApiParameter("If-Range", str, OpenApiParameter.HEADER, description="An ETag."),
        OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER, description="ETags; 304 where one fits."),
        OpenApiParameter("If-Match", str, OpenApiParameter.HEADER, description="ETags; 412 where none fits."),
        OpenApiParameter("ETag", str, OpenApiParameter.HEADER, response=[200, 206, 304]),
        OpenApiParameter("Content-Disposition", str, OpenApiParameter.HEADER, response=[200, 206]),
        OpenApiParameter("Content-Range", str, OpenApiParameter.HEADER, response=[206]),
    ],
    responses={
        (200, *CONTENT_TYPES.values()): OpenApiTypes.BINARY,
        (206, *CONTENT_TYPES.values()): OpenApiTypes.BINARY,
        304: OpenApiResponse(description="Not changed."),
        **FETCHED,
        412: None,
        416: None,
    },
)
