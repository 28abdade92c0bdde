"""The REST API of masters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from rest_framework.generics import ListAPIView
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from assets import descriptions, masters
from assets.download import send_master
from assets.errors import BadUpload
from assets.listing import listed
from assets.models import Master
from assets.paging import Paging
from assets.placeholders import placeholder_of
from assets.serializers import ChangeSerializer, MasterSerializer, MetadataSerializer, PlaceholderSerializer
from assets.uploads import UploadParser, uploaded_files
from pipeline.errors import BadParameter, DamagedImage, ImgoptError, NotAnImage, RenderFailed, UnsupportedFormat


class CompatibleUploadError(ImgoptError):
    """An upload error with the status that the compatible path has promised."""

    def __init__(self, message: str, *, code: str, status: int) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class Images(ListAPIView[Master]):
    """`GET` lists and searches the masters; `POST` uploads one or many."""

    required_scopes: Mapping[str, str] = {"GET": "read", "POST": "upload"}
    open_methods = frozenset({"POST"})
    serializer_class = MasterSerializer
    pagination_class = Paging

    def get_parsers(self) -> list[BaseParser]:
        return [UploadParser()]

    def get_queryset(self) -> QuerySet[Master]:
        return listed(self.request.query_params)

    @descriptions.LIST
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @descriptions.UPLOAD
    def post(self, request: Request) -> Response:
        uploads = uploaded_files(request)
        keys = request._request.POST.getlist("key")
        if keys and len(keys) != len(uploads):
            raise BadParameter(f"Expected no key or one for each of {len(uploads)} files, received {len(keys)}.")
        try:
            created = masters.create_masters([masters.inspect_upload(upload) for upload in uploads], keys=keys)
        except NotAnImage as error:
            raise CompatibleUploadError("only image files allowed", code=error.code, status=400) from error
        except (UnsupportedFormat, DamagedImage, RenderFailed) as error:
            raise CompatibleUploadError(error.message, code=error.code, status=400) from error
        return Response(MetadataSerializer(created, many=True).data, status=201)


class Image(APIView):
    """One master: `GET` tells all, `PATCH` changes, `PUT` replaces its bytes, `DELETE` deletes."""

    required_scopes: Mapping[str, str] = {"GET": "read", "PATCH": "manage", "PUT": "manage", "DELETE": "manage"}

    def get_parsers(self) -> list[BaseParser]:
        asked = getattr(self.request, "method", None)  # no request while the API is being described
        return [UploadParser()] if asked == "PUT" else super().get_parsers()

    @descriptions.GET
    def get(self, _request: Request, reference: str) -> Response:
        return Response(MasterSerializer(masters.get_master(reference)).data)

    @descriptions.CHANGE
    def patch(self, request: Request, reference: str) -> Response:
        master = masters.known_master(reference)
        changes = ChangeSerializer(data=request.data)
        changes.is_valid(raise_exception=True)
        return Response(MasterSerializer(masters.change_master(master, changes.validated_data)).data)

    @descriptions.REPLACE
    def put(self, request: Request, reference: str) -> Response:
        master = masters.known_master(reference)
        uploads = uploaded_files(request)
        if len(uploads) != 1:
            raise BadUpload(f"Expected one file, received {len(uploads)}.")
        return Response(MasterSerializer(masters.replace_master(master, masters.inspect_upload(uploads[0]))).data)

    @descriptions.DELETE
    def delete(self, _request: Request, reference: str) -> Response:
        masters.delete_master(masters.known_master(reference))
        return Response(status=204)


class Metadata(APIView):
    """`GET` gives the compatible object of one master."""

    required_scopes: Mapping[str, str] = {"GET": "read"}
    open_methods = frozenset({"GET"})

    @descriptions.METADATA_OF
    def get(self, _request: Request, reference: str) -> Response:
        return Response(MetadataSerializer(masters.get_master(reference)).data)


class Placeholder(APIView):
    """`GET` gives what a page shows until the picture is there."""

    required_scopes: Mapping[str, str] = {"GET": "read"}

    @descriptions.PLACEHOLDER_OF
    def get(self, _request: Request, reference: str) -> Response:
        return Response(PlaceholderSerializer(placeholder_of(masters.get_master(reference).blob)).data)


class Download(APIView):
    """`GET` sends the stored bytes, byte for byte."""

    required_scopes: Mapping[str, str] = {"GET": "read"}
    open_methods = frozenset({"GET"})

    @descriptions.DOWNLOAD
    def get(self, request: Request, reference: str) -> HttpResponseBase:
        master = masters.get_master(reference)
        http: HttpRequest = request._request
        return send_master(http, master)
