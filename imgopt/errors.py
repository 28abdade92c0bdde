"""The one table from error code to HTTP status, and the one shape in which errors are told.

Every error answer is `application/json` with `code` (for programs) and the same sentence as `message` and `error`.
The admin's own pages keep Django's HTML.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.views import defaults
from rest_framework import exceptions as drf
from rest_framework.response import Response

from assets.uploads import TOO_LARGE, too_large
from delivery import counters
from delivery.error_picture import error_picture
from delivery.notes import note
from pipeline.errors import ImgoptError

log = structlog.get_logger("imgopt.errors")

STATUS: Mapping[str, int] = {
    "bad_parameter": 400,
    "bad_request": 400,
    "output_too_large": 400,
    "missing_key": 401,
    "invalid_key": 401,
    "bad_signature": 403,
    "forbidden": 403,
    "missing_scope": 403,
    "origin_refused": 403,
    "not_found": 404,
    "origin_not_found": 404,
    "variant_not_found": 404,
    "method_not_allowed": 405,
    "key_taken": 409,
    "no_direct_uploads": 409,
    "conflict": 409,
    "expired": 410,
    "upload_too_large": 413,
    "image_too_large": 413,
    "origin_too_large": 413,
    "unsupported_format": 415,
    "not_an_image": 415,
    "unsupported_media_type": 415,
    "damaged_image": 422,
    "unmeasurable": 422,
    "render_failed": 422,
    "rate_limited": 429,
    "internal_error": 500,
    "busy": 503,
    "database_unavailable": 503,
    "origin_unavailable": 503,
    "storage_unavailable": 503,
    "render_timeout": 504,
    "origin_timeout": 504,
    "storage_full": 507,
}


def status_of(error: ImgoptError) -> int:
    """An error may carry a `status` of its own where a compatible path has promised another one."""
    return int(getattr(error, "status", None) or STATUS.get(error.code, 500))


def body(code: str, message: str) -> dict[str, str]:
    return {"code": code, "message": message, "error": message}


def told(code: str, message: str) -> dict[str, str]:
    """This will give the body of an error that is answered now, count it, and have the log name it."""
    counters.REFUSALS.labels(code if code in STATUS else "other").inc()
    note(code=code)
    return body(code, message)


def headers_of(error: ImgoptError, status: int) -> dict[str, str]:
    headers = {"Cache-Control": "no-store", "Vary": "Accept"}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="imgopt"'
    retry_after_seconds = getattr(error, "retry_after_seconds", None)
    if retry_after_seconds is not None:
        headers["Retry-After"] = str(max(1, math.ceil(retry_after_seconds)))
    return headers


def json_error(code: str, message: str, *, status: int | None = None, headers: Mapping[str, str] = {}) -> JsonResponse:
    status = status or STATUS[code]
    return JsonResponse(
        told(code, message), status=status, headers={"Cache-Control": "no-store", "Vary": "Accept", **headers}
    )


def response_to(error: ImgoptError) -> JsonResponse:
    status = status_of(error)
    return json_error(error.code, error.message, status=status, headers=headers_of(error, status))


AWAY = (OperationalError, InterfaceError)
AWAY_SENTENCE = "The database does not answer: try again."
AWAY_HEADERS = {"Retry-After": "2"}


def database_away(exception: BaseException | None) -> JsonResponse:
    """This will answer a request that needed the database while it was away."""
    log.warning("database away", error=repr(exception)[:200])
    return json_error("database_unavailable", AWAY_SENTENCE, headers=AWAY_HEADERS)


class ErrorMiddleware:
    """Turns the named errors of every view outside DRF, and Django's own empty 405, into their answers."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code == 405 and not _is_page(request) and not _is_json(response):
            allowed = response["Allow"]
            sentence = f"Expected one of the methods {allowed} at this address, received {request.method}."
            return json_error("method_not_allowed", sentence, headers={"Allow": allowed})
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, AWAY) and not _is_page(request):
            return database_away(exception)
        if not isinstance(exception, ImgoptError):
            return None
        if not _is_page(request):
            response = response_to(exception)
            picture = error_picture(request, exception.code, response.status_code)
            if picture is not None and "Retry-After" in response:
                picture["Retry-After"] = response["Retry-After"]
            return picture or response
        if request.method != "POST":
            return None
        messages.error(request, exception.message)
        return redirect(request.path)


# DRF's own codes where ours differ.
DRF_CODES = {
    "parse_error": "bad_request",
    "invalid": "bad_request",
    "permission_denied": "missing_scope",
    "not_authenticated": "missing_key",
    "authentication_failed": "invalid_key",
    "throttled": "rate_limited",
    "not_acceptable": "bad_request",
    "error": "internal_error",
}


def handle_api_exception(exception: Exception, _context: Mapping[str, Any]) -> Response | None:
    """DRF's `EXCEPTION_HANDLER`."""
    if isinstance(exception, Http404):
        exception = drf.NotFound()
    elif isinstance(exception, PermissionDenied):
        exception = drf.PermissionDenied()
    if isinstance(exception, ImgoptError):
        status = status_of(exception)
        return Response(told(exception.code, exception.message), status=status, headers=headers_of(exception, status))
    if isinstance(exception, AWAY):
        log.warning("database away", error=repr(exception)[:200])
        headers = {"Cache-Control": "no-store", "Vary": "Accept", **AWAY_HEADERS}
        return Response(told("database_unavailable", AWAY_SENTENCE), status=503, headers=headers)
    if isinstance(exception, drf.APIException):
        code = exception.get_codes() if isinstance(exception.detail, str) else "invalid"
        code = DRF_CODES.get(str(code), str(code))
        headers = {"Cache-Control": "no-store"}
        if isinstance(exception, drf.MethodNotAllowed):
            headers["Allow"] = ", ".join(_context["view"].allowed_methods)
        return Response(told(code, _sentence(exception.detail)), status=exception.status_code, headers=headers)
    return None


def _sentence(detail: Any) -> str:
    """This will flatten a DRF error into one sentence, naming the field."""
    if isinstance(detail, Mapping):
        name, inner = next(iter(detail.items()))
        text = _sentence(inner)
        return text if name in ("non_field_errors", "detail") else f"{name}: {text}"
    if isinstance(detail, list):
        return _sentence(detail[0])
    return str(detail)


def _is_page(request: HttpRequest) -> bool:
    return request.path.startswith("/admin/")


def _is_json(response: HttpResponse) -> bool:
    return response.get("Content-Type", "").startswith("application/json")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_page(request):
        return defaults.bad_request(request, exception)
    if isinstance(exception, RequestDataTooBig):
        if request.META.get(TOO_LARGE):
            return response_to(too_large())
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        return json_error("upload_too_large", f"Expected at most {most:,} bytes beside files, received more.")
    return json_error("bad_request", "The request could not be understood.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_page(request):
        return defaults.page_not_found(request, exception)
    return json_error("not_found", "There is nothing at this address.")


def internal_error(request: HttpRequest) -> HttpResponse:
    raised = sys.exception()  # of a middleware, where no other place hears of it
    if isinstance(raised, AWAY):
        answer = HttpResponse(AWAY_SENTENCE, "text/plain", 503) if _is_page(request) else database_away(raised)
        answer["Retry-After"], answer["Cache-Control"] = AWAY_HEADERS["Retry-After"], "no-store"
        return answer
    if _is_page(request):
        return defaults.server_error(request)
    return json_error("internal_error", "Something went wrong here; it has been logged.")
