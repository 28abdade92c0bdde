"""API keys in Django REST framework: who calls, whether the key may do that, and how often.

    class Image(APIView):
        authentication_classes = [ApiKeyAuthentication]
        permission_classes = [HasScope]
        throttle_classes = [KeyThrottle]
        required_scopes = {"GET": "read", "PATCH": "manage", "DELETE": "manage"}

All of them raise the named errors of `apikeys.errors`; `imgopt.errors` turns these into answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ImproperlyConfigured
from django.views.decorators.debug import sensitive_variables
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from apikeys import admission, scopes
from apikeys.errors import MissingKey, MissingScope
from apikeys.models import ApiKey
from pipeline.errors import ImgoptError

if TYPE_CHECKING:
    from rest_framework.views import APIView


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer imgo_…`, or `X-API-Key: imgo_…` where the first is not given."""

    @sensitive_variables("token")
    def authenticate(self, request: Request) -> tuple[Any, ApiKey] | None:
        token = _token_of(request.META)
        if token is None:
            return None
        try:
            key = admission.authenticate(token, request.META)
        except ImgoptError:
            # Or whoever looks at request.user while the error is answered starts this again, and is counted again.
            request.user, request.auth = AnonymousUser(), None
            raise
        return key.owner or AnonymousUser(), key

    def authenticate_header(self, _request: Request) -> str:
        return 'Bearer realm="imgopt"'


class HasScope(BasePermission):
    """A valid key with the scope that the view's `required_scopes` has for the method."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        key = request.auth
        if not isinstance(key, ApiKey):
            if is_open(request, view):
                return True
            admission.refuse_stranger(request.META, MissingKey())
        wanted = _wanted(view, request.method or "")
        if wanted is not None and not key.has_scope(wanted):
            admission.admit_key(key)  # throttles come after permissions, and a refusal is a call too
            raise MissingScope(f"Expected a key with the scope '{wanted}', received one with {', '.join(key.scopes)}.")
        return True


class KeyThrottle(BaseThrottle):
    """The limit of the key; calls without one, where a view allows them, have the limit of their address.

    An open network has none: it is not strangers that call from there, and behind one address may be all of them.
    """

    def allow_request(self, request: Request, view: APIView) -> bool:
        if isinstance(request.auth, ApiKey):
            admission.admit_key(request.auth)
        elif not is_open(request, view) and not getattr(request.user, "is_authenticated", False):
            admission.admit_stranger(request.META)
        return True


def is_open(request: Request, view: APIView) -> bool:
    """Whether the view's `open_methods` let this caller in without a key, for the network it calls from.

    Not where a page of another site has it called: that page is a stranger, in a browser of this network.
    """
    method = "GET" if request.method == "HEAD" else request.method
    if method not in getattr(view, "open_methods", ()):
        return False
    return admission.is_from(request.META, settings.CONFIG.jobs_open_networks) and not _is_of_another_site(request)


def _is_of_another_site(request: Request) -> bool:
    origin = request.META.get("HTTP_ORIGIN")
    return origin is not None and urlsplit(origin).netloc != request._request.get_host()


def _token_of(meta: Mapping[str, Any]) -> str | None:
    scheme, _, rest = str(meta.get("HTTP_AUTHORIZATION", "")).strip().partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    return str(meta["HTTP_X_API_KEY"]).strip() if "HTTP_X_API_KEY" in meta else None


def _wanted(view: APIView, method: str) -> str | None:
    """`None`: a valid key is enough, because the answer will be 405 or the view's options."""
    required: Mapping[str, str] = getattr(view, "required_scopes", {})
    name = required.get("GET" if method == "HEAD" else method)
    if name is None and method != "OPTIONS" and hasattr(view, method.lower()):
        raise ImproperlyConfigured(f"{type(view).__name__} does not say which scope {method} needs.")
    if name is not None and name not in scopes.NAMES:
        raise ImproperlyConfigured(f"{type(view).__name__} asks for the scope {name!r}, which does not exist.")
    return name
