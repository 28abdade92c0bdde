"""The REST API of batches."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.http import HttpResponseBase
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apikeys.errors import MissingScope
from apikeys.models import ApiKey
from assets import masters
from assets.paging import Paging
from assets.uploads import UploadParser, uploaded_files
from jobs import ledger
from jobs.batches import descriptions, manifest, service
from jobs.batches.spec import NAMES, read_spec
from jobs.models import Batch
from pipeline.errors import BadParameter
from pipeline.params import shown

FORM = "multipart/form-data"


def document(batch: Batch, counts: Mapping[str, Any]) -> dict[str, Any]:
    """This will tell of a batch in the API's words."""
    counted = {name: value for name, value in counts.items() if name != "progress"}
    return {
        "id": str(batch.id),
        "name": batch.name,
        "status": service.status_of(batch, counts),
        "progress": counts["progress"],
        "counts": counted,
        "spec": batch.spec,
        "createdAt": batch.created_at,
        "finishedAt": batch.finished_at,
    }


def told(batch: Batch) -> dict[str, Any]:
    return document(batch, service.summaries([batch])[batch.id])


class NewBatch(APIView):
    """`POST` begins a batch, of masters that are there or of files that come along."""

    required_scopes: Mapping[str, str] = {"POST": "manage"}

    def get_parsers(self) -> list[BaseParser]:
        return [*super().get_parsers(), UploadParser()]

    @descriptions.BEGIN
    def post(self, request: Request) -> Response:
        if (request.content_type or "").partition(";")[0].strip().lower() == FORM:
            batch = _of_uploads(request)
        else:
            batch = _of_masters(request.data)
        return Response(told(batch), status=201, headers={"Location": f"/api/v1/batch/{batch.id}"})


class Batches(APIView):
    """`GET` lists the batches, the newest first."""

    required_scopes: Mapping[str, str] = {"GET": "read"}

    @descriptions.LIST
    def get(self, request: Request) -> Response:
        paging = Paging()
        page: Any = paging.paginate_queryset(Batch.objects.all(), request, view=self)
        counts = service.summaries(page)
        return paging.get_paginated_response([document(batch, counts[batch.id]) for batch in page])


class OneBatch(APIView):
    """`GET` tells how a batch stands."""

    required_scopes: Mapping[str, str] = {"GET": "read"}

    @descriptions.STATUS
    def get(self, _request: Request, batch: str) -> Response:
        return Response(told(service.get_batch(batch)))


class BatchItems(APIView):
    """`GET` lists what was made of each master."""

    required_scopes: Mapping[str, str] = {"GET": "read"}

    @descriptions.ITEMS
    def get(self, request: Request, batch: str) -> Response:
        paging = Paging()
        page: Any = paging.paginate_queryset(service.get_batch(batch).jobs.order_by("id"), request, view=self)
        return paging.get_paginated_response(manifest.told(page))


class JsonManifest(APIView):
    """`GET` gives the whole of it in one file."""

    required_scopes: Mapping[str, str] = {"GET": "read"}

    @descriptions.JSON_MANIFEST
    def get(self, _request: Request, batch: str) -> HttpResponseBase:
        return manifest.file_of(service.get_batch(batch), "json")


class CsvManifest(APIView):
    """`GET` gives a row for each variant."""

    required_scopes: Mapping[str, str] = {"GET": "read"}

    @descriptions.CSV_MANIFEST
    def get(self, _request: Request, batch: str) -> HttpResponseBase:
        return manifest.file_of(service.get_batch(batch), "csv")


class CancelBatch(APIView):
    """`POST` ends what has not ended."""

    required_scopes: Mapping[str, str] = {"POST": "manage"}

    @descriptions.CANCEL
    def post(self, _request: Request, batch: str) -> Response:
        found = service.get_batch(batch)
        ledger.cancel_batch(found)
        found.refresh_from_db()
        return Response(told(found))


def _of_masters(said: Any) -> Batch:
    if not isinstance(said, Mapping):
        raise BadParameter('Expected an object such as {"prefix": "products/", "preset": "hero"}.')
    known = (*service.CHOICES, *NAMES, "name")
    unknown = next((name for name in said if name not in known), None)
    if unknown is not None:
        raise BadParameter(f"Expected some of {', '.join(known)}, received {shown(str(unknown))}.")
    spec = read_spec({name: value for name, value in said.items() if name in NAMES})
    return service.begin(service.selected(said), spec, name=said.get("name", ""))


def _of_uploads(request: Request) -> Batch:
    """The files' form has the rest of the batch in a field `batch`, as JSON. All of it is made, or nothing."""
    key = request.auth
    if not (isinstance(key, ApiKey) and key.has_scope("upload")):
        raise MissingScope("Expected a key with the scopes 'manage' and 'upload', for files come along.")
    uploads = uploaded_files(request)
    form = request._request.POST
    said = _field(form.get("batch", "") or "{}")
    unknown = next((name for name in said if name not in (*NAMES, "name")), None)
    if unknown is not None:
        raise BadParameter(f"Expected some of {', '.join((*NAMES, 'name'))} in batch, received {shown(str(unknown))}.")
    spec = read_spec({name: value for name, value in said.items() if name in NAMES})
    keys = form.getlist("key")
    if keys and len(keys) != len(uploads):
        raise BadParameter(f"Expected no key or one for each of {len(uploads)} files, received {len(keys)}.")
    incoming = [masters.inspect_upload(upload) for upload in uploads]
    with transaction.atomic():
        return service.begin(masters.create_masters(incoming, keys=keys), spec, name=said.get("name", ""))


def _field(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadParameter("Expected JSON in the field batch.") from error
    if not isinstance(said, dict):
        raise BadParameter("Expected an object in the field batch.")
    return said
