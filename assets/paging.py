"""Pages of the list of masters."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.request import Request

from pipeline.errors import BadParameter


class Paging(LimitOffsetPagination):
    """`limit` and `offset`, refused where they are no such numbers; links begin with the public address."""

    default_limit = 50
    max_limit = 500
    max_offset = 10**9

    def get_limit(self, request: Request) -> int:
        return _integer(request, "limit", low=1, high=self.max_limit, default=self.default_limit)

    def get_offset(self, request: Request) -> int:
        return _integer(request, "offset", low=0, high=self.max_offset, default=0)

    def get_next_link(self) -> str | None:
        return _public(super().get_next_link())

    def get_previous_link(self) -> str | None:
        return _public(super().get_previous_link())

    def get_schema_operation_parameters(self, _view: Any) -> list[dict[str, Any]]:
        limit = {"type": "integer", "minimum": 1, "maximum": self.max_limit, "default": self.default_limit}
        offset = {"type": "integer", "minimum": 0, "maximum": self.max_offset, "default": 0}
        return [
            {"name": "limit", "in": "query", "description": "How many on a page.", "schema": limit},
            {"name": "offset", "in": "query", "description": "How many to leave out before it.", "schema": offset},
        ]

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": ["string", "null"], "format": "uri"}
        second = "https://images.example.com/api/v1/images?limit=50&offset=50"
        pages = {
            "count": {"type": "integer", "description": "How many on all pages.", "example": 1204},
            "next": {**link, "description": "The next page, if there is one.", "example": second},
            "previous": {**link, "description": "The page before, if there is one.", "example": None},
            "results": schema,
        }
        return {"type": "object", "required": list(pages), "properties": pages}


def _integer(request: Request, name: str, *, low: int, high: int, default: int) -> int:
    text = str(request.query_params.get(name, default))
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and low <= int(text) <= high):
        raise BadParameter(f"Expected an integer from {low} to {high} for {name}, received {text[:40]!r}.")
    return int(text)


def _public(link: Any) -> str | None:
    if link is None:
        return None
    parts = urlsplit(str(link))
    return f"{settings.IMGOPT_PUBLIC_URL}{parts.path}?{parts.query}"
