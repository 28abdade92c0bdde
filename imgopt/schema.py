"""The API's own description (OpenAPI 3.1), as far as it is the same for every operation.

What an operation takes and gives, its view says with `@extend_schema`. This adds what nobody should write twice: the
two headers a key may come in, the scope from `required_scopes`, what `reference` is, and the errors. Errors that only
some operations have are named by their status: `responses={201: MasterSerializer, 409: None}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

from imgopt.errors import STATUS, body

SCHEMES: Mapping[str, Mapping[str, Any]] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer imgo_…`"},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "`X-API-Key: imgo_…`"},
}
REFERENCE: Mapping[str, Any] = {
    "description": "Id or key of a master; a key keeps its slashes.",
    "schema": {"type": "string", "minLength": 1},
    "example": "products/shoe",
}
# What may be the matter, by status: an example's code and sentence, and what is always sent along.
ERRORS: Mapping[int, tuple[str, str]] = {
    400: ("bad_parameter", "Expected an integer from 1 to 500 for limit, received 'abc'."),
    401: ("missing_key", "Expected an API key in Authorization: Bearer … or X-API-Key, received none."),
    403: ("missing_scope", "Expected a key with the scope 'manage', received one with read."),
    404: ("not_found", "Image not found"),
    405: ("method_not_allowed", 'Method "POST" not allowed.'),
    409: ("key_taken", "Another master has the key 'products/shoe'."),
    412: ("precondition_failed", "The image is another one by now."),
    413: ("upload_too_large", "Expected at most 100,000,000 bytes in one upload, received more."),
    415: ("unsupported_media_type", 'Unsupported media type "text/plain" in request.'),
    416: ("range_not_satisfiable", "Expected a range within 2913134 bytes."),
    422: ("damaged_image", "Expected a whole jpeg file, received one that does not decode."),
    429: ("rate_limited", "Expected at most 20 calls a second of this key, received more."),
    503: ("busy", "Too much is being rendered at the moment."),
    504: ("render_timeout", "Expected a picture that renders within 20 seconds."),
    507: ("storage_full", "There is no space left for masters."),
}
ALWAYS = (400, 401, 403, 405, 429, 503)
OPEN = (405,)
WITH_REFERENCE = (404,)
WITH_BODY = (413, 415)
HEADERS: Mapping[int, tuple[str, str]] = {
    401: ("WWW-Authenticate", "string"),
    405: ("Allow", "string"),
    416: ("Content-Range", "string"),
    429: ("Retry-After", "integer"),
    503: ("Retry-After", "integer"),
}


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Lets drf-spectacular know `apikeys.drf.ApiKeyAuthentication`; found by being imported."""

    target_class = "apikeys.drf.ApiKeyAuthentication"
    name = list(SCHEMES)

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[Any]]]:
        """Either header will do; OpenAPI 3.1 lets the scope stand here."""
        scope = scope_of(auto_schema)
        return [{name: [scope] if scope else []} for name in SCHEMES]

    def get_security_definition(self, _auto_schema: AutoSchema) -> list[dict[str, Any]]:
        return [dict(scheme) for scheme in SCHEMES.values()]


class ApiSchema(AutoSchema):
    """DRF's `DEFAULT_SCHEMA_CLASS`."""

    def get_extensions(self) -> dict[str, Any]:
        scope = scope_of(self)
        return {"x-required-scope": scope} if scope else {}


def scope_of(auto_schema: AutoSchema) -> str | None:
    required: Mapping[str, str] = getattr(auto_schema.view, "required_scopes", {})
    return required.get(auto_schema.method)


def complete(result: dict[str, Any], **_context: Any) -> dict[str, Any]:
    """drf-spectacular's `POSTPROCESSING_HOOKS`: this will add the errors, the scopes and what `reference` is."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Error"] = _error_schema()
    components["responses"] = {f"Error{status}": _error_response(status) for status in ERRORS}
    for path, item in result["paths"].items():
        for operation in item.values():
            _complete_operation(operation, has_reference="{reference}" in path)
    return result


def _complete_operation(operation: dict[str, Any], *, has_reference: bool) -> None:
    if scope := operation.get("x-required-scope"):
        operation["description"] = f"{operation.get('description', '')}\n\nScope: `{scope}`.".strip()
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path" and parameter["name"] == "reference":
            parameter.update(REFERENCE)
    responses = operation["responses"]
    named = [int(status) for status in responses if int(status) >= 400 and "content" not in responses[status]]
    common = [*ALWAYS, *(WITH_REFERENCE if has_reference else ()), *(WITH_BODY if "requestBody" in operation else ())]
    if not operation.get("security"):
        common = [*OPEN]  # neither a key nor a limit, nor anything that could be wrong with what is asked
    elif operation.get("x-any-content-type"):
        common.remove(415)
    for status in {*named, *(status for status in common if str(status) not in responses)}:
        responses[str(status)] = {"$ref": f"#/components/responses/Error{status}"}
    operation["responses"] = dict(sorted(responses.items()))


def _error_schema() -> dict[str, Any]:
    texts = {
        "code": {"type": "string", "description": "For programs.", "example": "not_found"},
        "message": {"type": "string", "description": "One sentence, for people."},
        "error": {"type": "string", "description": "The same sentence."},
    }
    return {"type": "object", "properties": texts, "required": list(texts), "additionalProperties": False}


def _error_response(status: int) -> dict[str, Any]:
    code, sentence = ERRORS[status]
    codes = sorted({code, *(known for known, its_status in STATUS.items() if its_status == status)})
    response: dict[str, Any] = {
        "description": " or ".join(f"`{code}`" for code in codes),
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/Error"}, "example": body(code, sentence)}
        },
    }
    if status in HEADERS:
        name, kind = HEADERS[status]
        response["headers"] = {name: {"schema": {"type": kind}}}
    return response
