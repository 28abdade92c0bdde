"""The REST API: what has been rendered of a master."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from assets.masters import known_master
from assets.paging import Paging
from delivery.models import Variant
from pipeline.errors import BadParameter
from pipeline.rendition import CONTENT_TYPES

ORDERINGS: Mapping[str, str] = {
    "createdAt": "created_at",
    "byteSize": "byte_size",
    "width": "width",
    "renderMs": "render_ms",
}
KNOWN = ("format", "ordering", "limit", "offset")
WORDS = [sign + name for name in ORDERINGS for sign in ("", "-")]
FORMAT = OpenApiParameter("format", enum=list(CONTENT_TYPES), description="Only this format.")
ORDERING = OpenApiParameter("ordering", enum=WORDS, description="By what to order; `-` for the largest first.")

VARIANT = {
    "key": "5f2c9e0b7d31a86f4c0e2b9d7a51c3e86f04d2b1a97c5e3f8b6d0a2c4e6f8091",
    "params": "w=640",
    "format": "avif",
    "width": 640,
    "height": 480,
    "byteSize": 31337,
    "etag": '"LXEWQrcmsEQBYnyp-6wy9Q"',
    "passthrough": False,
    "renderMs": 41.5,
    "createdAt": "2026-05-01T12:00:00.000000Z",
}


class VariantSerializer(serializers.ModelSerializer[Variant]):
    """A variant as it was rendered."""

    byteSize = serializers.IntegerField(source="byte_size")  # noqa: N815
    renderMs = serializers.FloatField(source="render_ms", help_text="Milliseconds the render took.")  # noqa: N815
    createdAt = serializers.DateTimeField(source="created_at")  # noqa: N815

    class Meta:
        model = Variant
        fields = (
            "key", "params", "format", "width", "height", "byteSize", "etag", "passthrough", "renderMs", "createdAt",
        )  # fmt: skip


class Variants(ListAPIView[Variant]):
    """`GET` lists the variants of a master."""

    required_scopes: Mapping[str, str] = {"GET": "read"}
    serializer_class = VariantSerializer
    pagination_class = Paging
    queryset = Variant.objects.none()

    @extend_schema(
        operation_id="listVariants",
        summary="List the variants of a master",
        description=(
            "What has been rendered of a master's bytes since they were last purged, the newest first. The list says "
            "nothing of the tiers: a variant may have been evicted since, and is rendered again when asked for. A new "
            "one is listed within five seconds. Masters of the same bytes share their variants."
        ),
        tags=["delivery"],
        parameters=[
            FORMAT,
            ORDERING,
        ],
        examples=[OpenApiExample("A rendered one", VARIANT, response_only=True)],
    )
    def get(self, request: Request, reference: str) -> Response:
        return self.list(request)

    def get_queryset(self) -> QuerySet[Variant]:
        if "reference" not in self.kwargs:  # the API is being described
            return Variant.objects.none()
        unknown = next((name for name in self.request.query_params if name not in KNOWN), None)
        if unknown is not None:
            raise BadParameter(f"Expected some of {', '.join(KNOWN)}, received {unknown[:40]!r}.")
        found = Variant.objects.filter(digest=known_master(self.kwargs["reference"]).blob.digest)
        if kind := self._asked("format", list(CONTENT_TYPES)):
            found = found.filter(format=kind)
        ordering = self._asked("ordering", WORDS) or "-createdAt"
        sign, name = ("-", ordering[1:]) if ordering[0] == "-" else ("", ordering)
        return found.order_by(sign + ORDERINGS[name], "-id")

    def _asked(self, name: str, words: list[str]) -> str:
        word = self.request.query_params.get(name, "")
        if word and word not in words:
            raise BadParameter(f"Expected one of {', '.join(words)} for {name}, received {word[:40]!r}.")
        return word
