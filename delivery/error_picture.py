"""A picture in the place of one that cannot be: a page keeps its layout, and the status still tells the truth."""

from __future__ import annotations

import time

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from delivery import keyring
from delivery.asked import PREFIX, parse_asked
from delivery.hints import Hints, chosen, hints_of
from delivery.negotiate import accepted_formats
from delivery.recent import RECENT
from delivery.respond import base_headers, body_headers
from delivery.service import service
from delivery.signing import verify
from delivery.variants import variant_request
from delivery.views import admit_miss
from pipeline.errors import ImgoptError
from pipeline.spec import TransformSpec

log = structlog.get_logger("delivery.error_picture")

TOLD_AS_JSON = frozenset({400, 401, 403, 405, 410, 429, 503})
"""Whoever wrote the URL must see these, or should come again in a moment."""
KEPT = ("width", "height", "aspect_ratio", "fit", "enlarge", "dpr", "snap", "pad", "background", "quality", "format")
"""The rest belongs to the picture that was asked for: its crop, its turn, its effects."""


def error_picture(request: HttpRequest, code: str, status: int) -> HttpResponse | None:
    """This will give the error picture with the error's status in the size and format asked for, or `None`.

    `None` where there is none, where the request was not a good one, and where the error picture fails itself: then
    the error is told as JSON.
    """
    reference = settings.CONFIG.delivery_error_picture
    if not reference or status in TOLD_AS_JSON or not request.path_info.startswith(PREFIX):
        return None
    try:
        return _picture(request, reference, code, status)
    except ImgoptError as error:
        log.warning("no error picture", reason=error.message, code=code)
        return None


def _picture(request: HttpRequest, reference: str, code: str, status: int) -> HttpResponse:
    path, query = request.path_info, request.META.get("QUERY_STRING", "")
    wishes = parse_asked(path, verify(path, query, keyring.current().secrets, time.time())).wishes
    master = RECENT.get(reference)
    hints = hints_of(query, request.META) if settings.CONFIG.delivery_client_hints else None
    spec = chosen(_size_of(wishes.spec), wishes.choice, hints or Hints(), master.blob)
    wanted = variant_request(master, spec, accepted_formats(request.headers.get("Accept", "")))
    entry = service().fetch(wanted, before_render=lambda: admit_miss(request)).entry
    headers = {
        **dict(body_headers(entry)),
        **dict(base_headers(entry, negotiated=wanted.negotiated, hinted=wishes.choice.headers(wishes.spec))),
        "Cache-Control": "no-store",
        "X-Imgopt-Error": code,
    }
    del headers["ETag"]  # of another picture than this URL's
    return HttpResponse(b"" if request.method == "HEAD" else entry.body, status=status, headers=headers)


def _size_of(spec: TransformSpec) -> TransformSpec:
    return TransformSpec(**{name: getattr(spec, name) for name in KEPT})
