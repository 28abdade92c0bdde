"""Django REST framework's ways, where they are not ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.http import UnreadablePostError
from rest_framework.exceptions import ParseError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class AlwaysJson(DefaultContentNegotiation):
    """Answers are JSON whatever `Accept` says (an `<img>` asks for pictures), and `?format=` is a filter of ours."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, str(renderer.media_type)


class JsonParser(JSONParser):
    """DRF's own fails when brackets are nested a thousand deep."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        try:
            return super().parse(stream, media_type, dict(parser_context or {}))
        except RecursionError as error:
            raise ParseError("JSON parse error - nested too deep") from error
        except UnreadablePostError as error:
            raise ParseError("JSON parse error - the body broke off") from error
