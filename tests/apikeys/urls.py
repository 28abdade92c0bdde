"""Addresses for these tests alone: the admin, and views that need keys."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.urls import path
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apikeys.drf import ApiKeyAuthentication, HasScope, KeyThrottle


class Keyed(APIView):
    authentication_classes = [ApiKeyAuthentication]
    throttle_classes = [KeyThrottle]

    def get(self, request: Request) -> Response:
        return Response({"prefix": getattr(request.auth, "prefix", None), "user": str(request.user)})


class Upload(Keyed):
    permission_classes = [HasScope]
    required_scopes: ClassVar[dict[str, str]] = {"GET": "upload"}


class PerMethod(Keyed):
    permission_classes = [HasScope]
    required_scopes: ClassVar[dict[str, str]] = {"GET": "read", "PATCH": "manage"}

    def patch(self, request: Request) -> Response:
        return Response({"prefix": getattr(request.auth, "prefix", None)})


class Undeclared(Keyed):
    permission_classes = [HasScope]


class Open(Keyed):
    permission_classes = [AllowAny]


def view(kind: type[APIView], **options: Any) -> Any:
    return kind.as_view(**options)


urlpatterns = [
    path("admin/", admin.site.urls),
    path("upload", view(Upload)),
    path("per-method", view(PerMethod)),
    path("undeclared", view(Undeclared)),
    path("open", view(Open)),
]
