"""The API's description for programs (`/api/schema`) and for people (`/api/docs/`), open to everybody.

Neither asks for a key, a session or the database. The description is made once a process: that takes 50 ms, and it
changes with the code only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import cache, wraps

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import get_conditional_response
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator

MAX_AGE_SECONDS = 300
# Swagger UI sets styles in its elements and shows its icons from data: URIs; everything else is ours, of this host.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
View = Callable[[HttpRequest], HttpResponse]


def _where_shown(view: View) -> View:
    """This will make a view that is a 404 where `IMGOPT_API_DOCS` is off."""

    @csrf_exempt
    @require_safe
    @wraps(view)
    def shown(request: HttpRequest) -> HttpResponse:
        if not settings.CONFIG.api_docs:
            raise Http404
        response = view(request)
        response.headers.setdefault("Cache-Control", f"public, max-age={MAX_AGE_SECONDS}")
        return response

    return shown


@cache
def description() -> tuple[bytes, str]:
    """This will give the description as JSON, with its ETag."""
    document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), default=str).encode()
    return text, f'"{hashlib.sha256(text).hexdigest()[:32]}"'


@_where_shown
def schema(request: HttpRequest) -> HttpResponse:
    text, etag = description()
    # Programs on other origins may read it: it says nothing that is not in the docs.
    headers = {"ETag": etag, "Access-Control-Allow-Origin": "*", "X-Content-Type-Options": "nosniff"}
    response = HttpResponse(text, content_type="application/json", headers=headers)
    unchanged = get_conditional_response(request, etag=etag, response=response)
    return unchanged if isinstance(unchanged, HttpResponse) else response


@_where_shown
def page(request: HttpRequest) -> HttpResponse:
    response = render(request, "imgopt/api_docs.html")
    response.headers["Content-Security-Policy"] = POLICY
    return response
