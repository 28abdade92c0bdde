"""The job API over HTTP. Bodies are JSON whatever their Content-Type says."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings
from django.http import UnreadablePostError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.compat import descriptions, service
from jobs.compat.asked import BadBody, read


class Health(APIView):
    """`GET` answers as long as the process does; it asks for no key."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    required_scopes: Mapping[str, str] = {}
    http_method_names = ["get", "head"]

    @descriptions.HEALTH
    def get(self, _request: Request) -> Response:
        return Response({"message": "Service is healthy"}, headers={"Cache-Control": "no-store"})


class NewJob(APIView):
    """`POST` asks for copies of a master."""

    required_scopes: Mapping[str, str] = {"POST": "upload"}
    open_methods = frozenset({"POST"})

    @descriptions.BEGIN
    def post(self, request: Request) -> Response:
        job = service.begin(read(_body(request), most_options=settings.CONFIG.jobs_max_options))
        return Response(service.document(job), status=201, headers={"Location": f"/api/v1/job/{job.id}"})


class OneJob(APIView):
    """`GET` tells how a job stands."""

    required_scopes: Mapping[str, str] = {"GET": "read"}
    open_methods = frozenset({"GET"})

    @descriptions.STATUS
    def get(self, _request: Request, job: str) -> Response:
        return Response(service.document(service.get_job(job)), headers={"Cache-Control": "no-store"})


def _body(request: Request) -> bytes:
    """DRF would look for a parser by the Content-Type."""
    try:
        return request._request.body
    except UnreadablePostError as error:
        raise BadBody("Expected a whole body, received one that broke off.") from error
