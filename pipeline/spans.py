"""Spans, where somebody traces; else nothing, at the price of one comparison.

Who traces is decided above (`delivery.tracing`, with OpenTelemetry, where `IMGOPT_OTEL_ENDPOINT` is set). Nothing of it
is imported otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, Protocol


class Tracer(Protocol):
    def span(
        self, name: str, carrier: Mapping[str, str] | None, facts: Mapping[str, Any]
    ) -> AbstractContextManager[Any]:
        """This will begin a span within the one under way, or within what `carrier` (`traceparent`) names."""

    def phases(self, seconds: Mapping[str, float]) -> None:
        """This will write down spans that end now, one after the other."""

    def carrier(self) -> dict[str, str]:
        """This will give the `traceparent` of the span under way, for whoever goes on with it."""

    def note(self, facts: Mapping[str, Any]) -> None:
        """This will add facts to the span under way."""


_NOTHING: Final = nullcontext()
_tracer: Tracer | None = None


def use(tracer: Tracer | None) -> None:
    global _tracer
    _tracer = tracer


def span(
    name: str, facts: Mapping[str, Any] | None = None, *, carrier: Mapping[str, str] | None = None
) -> AbstractContextManager[Any]:
    return _NOTHING if _tracer is None else _tracer.span(name, carrier, facts or {})


def phases(seconds: Mapping[str, float]) -> None:
    if _tracer is not None:
        _tracer.phases(seconds)


def carrier() -> dict[str, str]:
    return {} if _tracer is None else _tracer.carrier()


def note(facts: Mapping[str, Any]) -> None:
    if _tracer is not None:
        _tracer.note(facts)


def is_on() -> bool:
    return _tracer is not None
