"""Structured logs: one JSON object a line, without secrets."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

# Whatever a caller passes under these names is a secret, and so is what follows them inside a text.
SECRET_NAMES = frozenset({"s", "secret", "token", "password", "authorization", "signature", "cookie", "api_key"})
SECRET_TEXT = re.compile(
    r"""((?:(?<![\w-])|(?<=\\[nrt]))(?:s|%[57]3|secret|token|password|signature)=  # in a query, a form, a repr of one
        | imgo_[a-z0-9]+_[0-9A-Za-z]{1,16}_  # an API key; its prefix may be told
        | whsec_  # a webhook's secret
        | Bearer[ ]
    )[^&\s"']+""",
    re.IGNORECASE | re.VERBOSE,
)
URL_PASSWORD = re.compile(r"(://[^/\s:@]*:)[^/\s]+@")  # of a database or Redis


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """This will blank signatures, API keys and passwords, by name and inside texts."""
    event.pop("request", None)  # Django's own lines carry the whole request, signature and all
    for name, value in event.items():
        event[name] = _redacted(name, value)
    return event


def _redacted(name: object, value: object) -> object:
    if str(name).lower() in SECRET_NAMES:
        return "…"
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {inner: _redacted(inner, part) for inner, part in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted("", part) for part in value]
    text = SECRET_TEXT.sub(r"\1…", value if isinstance(value, str) else repr(value))
    return URL_PASSWORD.sub(r"\1…@", text)


def configure(*, level: str, style: str) -> None:
    """This will send structlog's and the standard library's log lines through one pipe to standard error."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    last = structlog.processors.JSONRenderer() if style == "json" else structlog.dev.ConsoleRenderer()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, redact, last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("botocore", "pyvips"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # A 4xx has its line in `delivery.access` already; a 500 has its traceback only here.
    logging.getLogger("django.request").setLevel(logging.ERROR)
