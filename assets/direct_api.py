"""The REST API of direct uploads."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from assets import direct, direct_descriptions
from assets.direct_serializers import CompletionSerializer, OfferSerializer, WishSerializer
from assets.serializers import MetadataSerializer


class Uploads(APIView):
    """`POST` offers a place in S3 for one picture."""

    required_scopes: Mapping[str, str] = {"POST": "upload"}

    @direct_descriptions.OFFER
    def post(self, request: Request) -> Response:
        wish = WishSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        return Response(OfferSerializer(direct.offer(**wish.validated_data)).data, status=201)


class Completion(APIView):
    """`POST` makes a master of what was uploaded there."""

    required_scopes: Mapping[str, str] = {"POST": "upload"}

    @direct_descriptions.COMPLETE
    def post(self, request: Request, upload: uuid.UUID) -> Response:
        wish = CompletionSerializer(data=request.data)
        wish.is_valid(raise_exception=True)
        return Response(MetadataSerializer(direct.complete(upload, **wish.validated_data)).data, status=201)
