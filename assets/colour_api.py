"""The REST API of the colour inspector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.cache import get_conditional_response
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from assets.colour import colours_of, etag_of, view_of
from assets.descriptions import FETCHED, TAGS
from assets.masters import get_master
from assets.models import Master
from pipeline.colour_report import VERDICTS, VIEWS, View

EXAMPLE: Final[dict[str, Any]] = {
    "verdict": "wide",
    "profile": "Display P3",
    "colourSpace": "rgb",
    "gamut": {"name": "Display P3", "area": 1.3201},
    "outsideSrgb": 0.0417,
    "ignored": {"mean": 3.19, "p95": 4.92, "p99": 5.38},
    "views": {view: f"/api/v1/image/01a2037e-5c1e-7a04-9d0b-3f6b5f0f2c11/colour/{view}" for view in VIEWS},
}
CONDITION: Final = [
    OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER, description="ETags; 304 where one fits."),
    OpenApiParameter("ETag", str, OpenApiParameter.HEADER, response=[200, 304]),
]
UNCHANGED: Final = OpenApiResponse(description="Not changed.")
RENDERED: Final[Mapping[int, None]] = {**FETCHED, 422: None, 504: None}


class GamutSerializer(serializers.Serializer[Any]):
    """The triangle of colours that a profile's primaries span."""

    name = serializers.CharField(
        allow_blank=True, help_text="Of the colour space with these primaries, if it is known."
    )
    area = serializers.FloatField(help_text="In CIE xy, that of sRGB being 1.")


class IgnoredSerializer(serializers.Serializer[Any]):
    """CIEDE2000 between the picture with its profile applied and with its profile ignored."""

    mean = serializers.FloatField()
    p95 = serializers.FloatField(help_text="95 % of the pixels are at or below.")
    p99 = serializers.FloatField()


class ViewsSerializer(serializers.Serializer[Any]):
    """Paths of the three pictures."""

    managed = serializers.CharField(help_text="With the profile applied.")
    ignored = serializers.CharField(help_text="With the profile ignored.")
    heat = serializers.CharField(help_text="Where the two differ: black for nothing, white for a ΔE00 of 10 and above.")


class ColourSerializer(serializers.Serializer[Any]):
    """How much a master depends on its colour profile."""

    verdict = serializers.ChoiceField(choices=VERDICTS)
    profile = serializers.CharField(allow_blank=True, help_text="What the embedded ICC profile calls itself.")
    colourSpace = serializers.CharField(help_text="rgb, grey, cmyk or lab.")  # noqa: N815
    gamut = GamutSerializer(allow_null=True, help_text="null: a profile of tables, of one channel, or none at all.")
    outsideSrgb = serializers.FloatField(help_text="Share of the pixels, 0 to 1, that sRGB cannot show.")  # noqa: N815
    ignored = IgnoredSerializer()
    views = ViewsSerializer()


class Colour(APIView):
    """`GET` tells how much a master depends on its profile."""

    required_scopes: Mapping[str, str] = {"GET": "read"}

    @extend_schema(
        operation_id="getImageColour",
        summary="How much a master depends on its colour profile",
        description="Measured now, on the first page, at most 1,024 px a side.",
        tags=TAGS,
        parameters=CONDITION,
        responses={
            200: OpenApiResponse(ColourSerializer, examples=[OpenApiExample("A wide one", EXAMPLE)]),
            304: UNCHANGED,
            **RENDERED,
        },
    )
    def get(self, request: Request, reference: str) -> HttpResponseBase:
        master = get_master(reference)
        headers = _headers(master, "figures")
        if unchanged := _unchanged(request._request, headers):
            return unchanged
        views = {view: reverse("colour-view", args=[str(master.id), view]) for view in VIEWS}
        return Response({**colours_of(master.blob), "views": views}, headers=headers)


class ColourView(APIView):
    """`GET` sends one of the three pictures."""

    required_scopes: Mapping[str, str] = {"GET": "read"}

    @extend_schema(
        operation_id="getImageColourView",
        summary="A master with its profile applied, with it ignored, or where the two differ",
        description="Upright, on white, in sRGB, at most 1,024 px a side: the pixels that the figures are of.",
        tags=TAGS,
        parameters=[
            OpenApiParameter(
                "view",
                str,
                OpenApiParameter.PATH,
                enum=VIEWS,
                description="`heat` is white for a ΔE00 of 10 and above.",
            ),
            *CONDITION,
        ],
        responses={(200, "image/png"): OpenApiTypes.BINARY, 304: UNCHANGED, **RENDERED},
    )
    def get(self, request: Request, reference: str, view: View) -> HttpResponseBase:
        master = get_master(reference)
        headers = _headers(master, view)
        if unchanged := _unchanged(request._request, headers):
            return unchanged
        safe = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"}
        return HttpResponse(view_of(master.blob, view), content_type="image/png", headers={**headers, **safe})


def _headers(master: Master, name: str) -> dict[str, str]:
    """A key in a header is what opens these, so no shared cache may keep them."""
    return {"ETag": etag_of(master.blob, name), "Cache-Control": "private, max-age=0, must-revalidate"}


def _unchanged(request: HttpRequest, headers: Mapping[str, str]) -> HttpResponseBase | None:
    """This will give a 304 where the client has it already: nothing is decoded for that."""
    answer = get_conditional_response(request, etag=headers["ETag"], response=HttpResponse(headers=dict(headers)))
    return answer if answer is not None and answer.status_code == 304 else None
