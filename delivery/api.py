"""The REST API of delivery: signing and purging."""

from __future__ import annotations

import time
from collections.abc import Mapping

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from assets.masters import get_master
from delivery.publish import MAX_EXPIRES_IN_SECONDS, signed_url
from delivery.purge import purge_master


class SignSerializer(serializers.Serializer[None]):
    """What to sign."""

    image = serializers.CharField(max_length=200, help_text="Id or key of a master.")
    params = serializers.DictField(child=serializers.CharField(max_length=200), default=dict)
    fileName = serializers.CharField(max_length=200, default="", allow_blank=True)  # noqa: N815
    expiresIn = serializers.IntegerField(  # noqa: N815
        min_value=1, max_value=MAX_EXPIRES_IN_SECONDS, default=None, allow_null=True, help_text="Seconds from now."
    )


class Sign(APIView):
    """`POST` gives a signed URL of a variant."""

    required_scopes: Mapping[str, str] = {"POST": "sign"}

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

    def post(self, _request: Request, reference: str) -> Response:
        purge_master(get_master(reference))
        return Response(status=204)
