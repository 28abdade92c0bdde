"""Traces to an OpenTelemetry collector, where `IMGOPT_OTEL_ENDPOINT` names one (`pip install imgopt[otel]`).

A span for each request that the memory could not answer, and within it for each tier that was asked, each render with
its phases, each call of S3; a job's span belongs to the request that caused it. `traceparent` is taken from whoever
asks. Error texts are in the log, not in spans: they go to another place, with other readers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from structlog.contextvars import bind_contextvars

from pipeline import spans

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

NAME: Final = "imgopt"
PHASES: Final = ("decode", "steps", "encode")
"""In the order in which they follow each other in a render child."""


def start(version: str) -> None:
    """This will trace from now on, if a collector is named; spans are sent in batches, by a thread."""
    config = settings.CONFIG
    if not config.otel_endpoint:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    provider = TracerProvider(
        resource=Resource.create({"service.name": NAME, "service.version": version}),
        sampler=ParentBased(TraceIdRatioBased(config.otel_sample)),
        shutdown_on_exit=False,  # `atexit` is not heard in Granian's workers
    )
    exporter = OTLPSpanExporter(endpoint=f"{config.otel_endpoint}/v1/traces", timeout=5)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace_with(provider)
    Finalize(None, provider.shutdown, exitpriority=1)


def trace_with(provider: TracerProvider) -> None:
    spans.use(_Tracer(provider))


def is_installed() -> bool:
    return find_spec("opentelemetry") is not None and find_spec("opentelemetry.exporter.otlp.proto.http") is not None


class _Tracer:
    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry import trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._trace = trace
        self._tracer = provider.get_tracer(NAME)
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def span(self, name: str, carrier: Mapping[str, str] | None, facts: Mapping[str, Any]) -> Iterator[None]:
        context = None if carrier is None else self._propagator.extract(carrier)
        with self._tracer.start_as_current_span(
            name, context=context, attributes=dict(facts), record_exception=False, set_status_on_exception=False
        ) as under_way:
            if carrier is not None and under_way.is_recording():
                bind_contextvars(trace_id=format(under_way.get_span_context().trace_id, "032x"))
            try:
                yield
            except Exception as error:
                under_way.set_status(self._trace.StatusCode.ERROR, type(error).__name__)
                raise

    def phases(self, seconds: Mapping[str, float]) -> None:
        end = time.time_ns()
        for name in reversed([name for name in PHASES if name in seconds]):
            start = end - int(1e9 * seconds[name])
            self._tracer.start_span(name, start_time=start).end(end)
            end = start

    def carrier(self) -> dict[str, str]:
        found: dict[str, str] = {}
        self._propagator.inject(found)
        return found

    def note(self, facts: Mapping[str, Any]) -> None:
        self._trace.get_current_span().set_attributes(
            {name: value for name, value in facts.items() if value is not None}
        )
