"""The REST API of delivery: signing, purging, presets."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from assets.descriptions import FETCHED
from assets.masters import get_master, known_master
from delivery import presets
from delivery.presets import Preset, check_params
from delivery.publish import MAX_EXPIRES_IN_SECONDS, signed_url
from delivery.purge import masters_tagged, masters_under, purge_master, purge_masters
from delivery.variants import find_mark
from delivery.version import version_of
from pipeline.errors import BadParameter


class SignSerializer(serializers.Serializer[None]):
    """What to sign."""

    image = serializers.CharField(max_length=800, help_text="Id or key of a master.")
    params = serializers.DictField(
        child=serializers.CharField(max_length=200),
        default=dict,
        help_text="Delivery parameters, `preset`, `dl`, `w=auto` and `dpr=auto` among them; plain, not encoded.",
    )
    fileName = serializers.CharField(  # noqa: N815
        max_length=200, default="", allow_blank=True, help_text="Decoration of the path, such as red-shoe.webp."
    )
    expiresIn = serializers.IntegerField(  # noqa: N815
        min_value=1, max_value=MAX_EXPIRES_IN_SECONDS, default=None, allow_null=True, help_text="Seconds from now."
    )


class SignedSerializer(serializers.Serializer[None]):
    url = serializers.URLField(help_text="Absolute.")
    expiresAt = serializers.IntegerField(allow_null=True, help_text="Seconds since 1970.")  # noqa: N815


class Sign(APIView):
    """`POST` gives a signed URL of a variant."""

    required_scopes: Mapping[str, str] = {"POST": "sign"}

    @extend_schema(
        operation_id="signUrl",
        summary="Sign a URL",
        description="Gives a signed URL of a variant. What delivery would refuse for every picture is refused here.",
        tags=["delivery"],
        request=SignSerializer,
        responses={200: SignedSerializer, 404: None, **FETCHED},
        examples=[
            OpenApiExample(
                "A crop for an hour",
                {"image": "products/shoe", "params": {"w": "800", "ar": "16:9", "fit": "crop"}, "expiresIn": 3600},
                request_only=True,
            ),
            OpenApiExample(
                "Its address",
                {
                    "url": "https://images.example.com/i/products/shoe?ar=16:9&fit=crop&w=800&v=1&expires=1777640400&s=…",
                    "expiresAt": 1777640400,
                },
                response_only=True,
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        serializer = SignSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        asked = serializer.validated_data
        now = int(time.time())
        url = signed_url(
            get_master(asked["image"]),
            asked["params"],
            file_name=asked["fileName"],
            expires_in_seconds=asked["expiresIn"],
            now=now,
        )
        expires_at = None if asked["expiresIn"] is None else now + asked["expiresIn"]
        return Response({"url": url, "expiresAt": expires_at})


class PurgeImage(APIView):
    """`POST` forgets all variants of a master in every tier."""

    required_scopes: Mapping[str, str] = {"POST": "manage"}

    @extend_schema(
        operation_id="purgeImage",
        summary="Purge one master",
        description="Forgets all variants of a master in every tier, in every process within five seconds.",
        tags=["delivery"],
        request=None,
        responses={204: None},
    )
    def post(self, _request: Request, reference: str) -> Response:
        purge_master(known_master(reference))
        return Response(status=204)


class PurgeSerializer(serializers.Serializer[None]):
    """Which masters to purge: one of the two."""

    prefix = serializers.CharField(
        max_length=600, required=False, help_text="What their key begins with; or @origin/ and the start of a path."
    )
    tag = serializers.CharField(max_length=50, required=False, help_text="One of their tags.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        unknown = sorted(set(self.initial_data) - set(self.fields))
        if unknown or len(attrs) != 1:
            received = repr(unknown[0][:40]) if unknown else "both" if attrs else "neither"
            raise BadParameter(f"Expected one of prefix and tag, received {received}.")
        return attrs


class PurgedSerializer(serializers.Serializer[None]):
    masters = serializers.IntegerField(help_text="How many masters were purged.")


class PurgeMany(APIView):
    """`POST` forgets all variants of the masters of a key prefix or a tag."""

    required_scopes: Mapping[str, str] = {"POST": "manage"}

    @extend_schema(
        operation_id="purgeImages",
        summary="Purge by key prefix or tag",
        description="Forgets all variants of these masters in every tier, in every process within five seconds.",
        tags=["delivery"],
        request=PurgeSerializer,
        responses={200: PurgedSerializer},
        examples=[
            OpenApiExample("By the start of their keys", {"prefix": "products/"}, request_only=True),
            OpenApiExample("By a tag", {"tag": "summer"}, request_only=True),
            OpenApiExample("How many there were", {"masters": 12}, response_only=True),
        ],
    )
    def post(self, request: Request) -> Response:
        serializer = PurgeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        asked = serializer.validated_data
        masters = masters_under(asked["prefix"]) if "prefix" in asked else masters_tagged(asked["tag"])
        return Response({"masters": purge_masters(masters)})


class PresetSerializer(serializers.Serializer[Preset]):
    """A preset as it is in use."""

    name = serializers.CharField()
    params = serializers.CharField()
    description = serializers.CharField()
    source = serializers.ChoiceField(  # type: ignore[assignment]  # DRF takes fields off the class
        ["settings", "admin"], help_text="Where it is written; settings outweigh."
    )
    version = serializers.SerializerMethodField()

    def get_version(self, preset: Preset) -> str | None:
        """What URLs with this preset carry as `pv`; null where it cannot be delivered as things are."""
        try:
            return version_of(preset, find_mark(check_params(preset.params)))
        except BadParameter:
            return None


class Presets(APIView):
    """`GET` lists the presets in use."""

    required_scopes: Mapping[str, str] = {"GET": "read"}

    @extend_schema(
        operation_id="listPresets",
        summary="List the presets",
        description="All presets in use, by name; those of the settings and those of the admin.",
        tags=["delivery"],
        responses={200: PresetSerializer(many=True)},
        examples=[
            OpenApiExample(
                "One of the settings",
                {
                    "name": "hero",
                    "params": "w=1600&ar=16:9&fit=crop",
                    "description": "",
                    "source": "settings",
                    "version": "3f9a1c07",
                },
                response_only=True,
            )
        ],
    )
    def get(self, _request: Request) -> Response:
        known: Any = list(presets.current())
        return Response(PresetSerializer(known, many=True).data)
