"""The REST API of masters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.core.files.storage import storages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponseBase
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from assets import masters
from assets.download import send_master
from assets.errors import BadUpload
from assets.models import Master
from assets.names import KEY_LENGTH, TAG
from assets.paging import Paging
from assets.uploads import UploadParser, uploaded_files
from pipeline.errors import BadParameter, DamagedImage, ImgoptError, NotAnImage


class MetadataSerializer(serializers.ModelSerializer[Master]):
    """The object that the compatible API promises."""

    originalName = serializers.CharField(source="original_name")  # noqa: N815
    format = serializers.CharField(source="blob.format")
    width = serializers.IntegerField(source="blob.width")
    height = serializers.IntegerField(source="blob.height")
    byteSize = serializers.IntegerField(source="blob.byte_size")  # noqa: N815

    class Meta:
        model = Master
        fields: ClassVar[list[str]] = ["id", "originalName", "format", "width", "height", "byteSize"]


class MasterSerializer(MetadataSerializer):
    """All that is known of a master."""

    digest = serializers.CharField(source="blob.digest")
    orientation = serializers.IntegerField(source="blob.orientation")
    pages = serializers.IntegerField(source="blob.pages")
    hasAlpha = serializers.BooleanField(source="blob.has_alpha")  # noqa: N815
    bitDepth = serializers.IntegerField(source="blob.bit_depth")  # noqa: N815
    colourSpace = serializers.CharField(source="blob.colour_space")  # noqa: N815
    profile = serializers.CharField(source="blob.profile")
    isSrgb = serializers.BooleanField(source="blob.is_srgb")  # noqa: N815
    focalX = serializers.FloatField(source="focal_x")  # noqa: N815
    focalY = serializers.FloatField(source="focal_y")  # noqa: N815
    tags: serializers.ManyRelatedField = serializers.SlugRelatedField(  # type: ignore[assignment]
        many=True, read_only=True, slug_field="name"
    )
    createdAt = serializers.DateTimeField(source="created_at")  # noqa: N815
    updatedAt = serializers.DateTimeField(source="updated_at")  # noqa: N815

    class Meta:
        model = Master
        fields: ClassVar[list[str]] = [
            *MetadataSerializer.Meta.fields,
            "key",
            "revision",
            "focalX",
            "focalY",
            "tags",
            "digest",
            "orientation",
            "pages",
            "hasAlpha",
            "bitDepth",
            "colourSpace",
            "profile",
            "isSrgb",
            "createdAt",
            "updatedAt",
        ]


class ChangeSerializer(serializers.Serializer[Master]):
    """What may be changed; a field that is left out stays as it is."""

    originalName = serializers.CharField(source="original_name", max_length=128, required=False)  # noqa: N815
    key = serializers.CharField(max_length=200, required=False, allow_null=True)
    focalX = serializers.FloatField(source="focal_x", min_value=0, max_value=1, required=False, allow_null=True)  # noqa: N815
    focalY = serializers.FloatField(source="focal_y", min_value=0, max_value=1, required=False, allow_null=True)  # noqa: N815
    tags = serializers.ListField(child=serializers.RegexField(rf"^{TAG.pattern}$"), max_length=50, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        unknown = sorted(set(self.initial_data) - set(self.fields))
        if unknown:
            raise BadParameter(f"Expected some of {', '.join(self.fields)}, received {unknown[0][:40]!r}.")
        return attrs


class CompatibleUploadError(ImgoptError):
    """An upload error with the status that the compatible path has promised."""

    def __init__(self, message: str, *, code: str, status: int) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class Images(ListAPIView[Master]):
    """`GET` lists and searches the masters; `POST` uploads one or many."""

    required_scopes: Mapping[str, str] = {"GET": "read", "POST": "upload"}
    serializer_class = MasterSerializer
    pagination_class = Paging

    def get_parsers(self) -> list[BaseParser]:
        return [UploadParser()]

    def get_queryset(self) -> QuerySet[Master]:
        found = Master.objects.select_related("blob").prefetch_related("tags")
        if text := self._asked("search"):
            found = found.filter(Q(key__icontains=text) | Q(original_name__icontains=text))
        if prefix := self._asked("prefix"):
            found = found.filter(key__startswith=prefix)
        if tag := self._asked("tag"):
            found = found.filter(tags__name=tag)
        if kind := self._asked("format"):
            found = found.filter(blob__format=kind)
        return found

    def _asked(self, name: str) -> str:
        """This will give a filter's text; databases refuse NUL (PostgreSQL) and long patterns (SQLite)."""
        text = self.request.query_params.get(name, "")
        if len(text) > KEY_LENGTH or "\0" in text:
            raise BadParameter(f"Expected at most {KEY_LENGTH} characters of text for {name}, received {text[:40]!r}.")
        return text

    def post(self, request: Request) -> Response:
        uploads = uploaded_files(request)
        keys = request._request.POST.getlist("key")
        if keys and len(keys) != len(uploads):
            raise BadParameter(f"Expected no key or one for each of {len(uploads)} files, received {len(keys)}.")
        try:
            created = masters.create_masters([masters.inspect_upload(upload) for upload in uploads], keys=keys)
        except NotAnImage as error:
            raise CompatibleUploadError("only image files allowed", code=error.code, status=400) from error
        except DamagedImage as error:
            raise CompatibleUploadError(error.message, code=error.code, status=400) from error
        return Response(MetadataSerializer(created, many=True).data, status=201)


class Image(APIView):
    """One master: `GET` tells all, `PATCH` changes, `PUT` replaces its bytes, `DELETE` deletes."""

    required_scopes: Mapping[str, str] = {"GET": "read", "PATCH": "manage", "PUT": "manage", "DELETE": "manage"}

    def get_parsers(self) -> list[BaseParser]:
        return [UploadParser()] if self.request.method == "PUT" else super().get_parsers()

    def get(self, _request: Request, reference: str) -> Response:
        return Response(MasterSerializer(masters.get_master(reference)).data)

    def patch(self, request: Request, reference: str) -> Response:
        master = masters.get_master(reference)
        changes = ChangeSerializer(data=request.data)
        changes.is_valid(raise_exception=True)
        return Response(MasterSerializer(masters.change_master(master, changes.validated_data)).data)

    def put(self, request: Request, reference: str) -> Response:
        master = masters.get_master(reference)
        uploads = uploaded_files(request)
        if len(uploads) != 1:
            raise BadUpload(f"Expected one file, received {len(uploads)}.")
        return Response(MasterSerializer(masters.replace_master(master, masters.inspect_upload(uploads[0]))).data)

    def delete(self, _request: Request, reference: str) -> Response:
        masters.delete_master(masters.get_master(reference))
        return Response(status=204)


class Metadata(APIView):
    """`GET` gives the compatible object of one master."""

    required_scopes: Mapping[str, str] = {"GET": "read"}

    def get(self, _request: Request, reference: str) -> Response:
        return Response(MetadataSerializer(masters.get_master(reference)).data)


class Download(APIView):
    """`GET` sends the stored bytes, byte for byte."""

    required_scopes: Mapping[str, str] = {"GET": "read"}

    def get(self, request: Request, reference: str) -> HttpResponseBase:
        master = masters.get_master(reference)
        http: HttpRequest = request._request
        return send_master(http, master, storages["masters"])
