"""Spans in memory: what a request's span says, and that nothing is said where nobody traces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.checks import run_checks
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pytest_django import Settings

from delivery import tracing
from delivery.watched import Watched
from pipeline import spans
from tests.delivery.world import call, configure

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def seen() -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.trace_with(provider)
    yield exporter
    spans.use(None)
    provider.shutdown()


def app(environ: dict, start_response: object) -> list[bytes]:
    with spans.span("inner", {"imgopt.format": "webp"}):
        spans.phases({"decode": 0.02, "encode": 0.01, "total": 9.0})
    start_response("404 Not Found", [("Content-Type", "text/plain"), ("Content-Length", "0")])  # type: ignore[operator]
    return []


def test_a_request_has_a_span_within_the_trace_it_came_with(seen: InMemorySpanExporter) -> None:
    call(Watched(app), "/i/shoe", HTTP_TRACEPARENT=f"00-{TRACE}-{PARENT}-01", HTTP_X_REQUEST_ID="shop-1")
    by_name: dict[str, Any] = {span.name: span for span in seen.get_finished_spans()}
    assert set(by_name) == {"request", "inner", "decode", "encode"}
    request, inner = by_name["request"], by_name["inner"]
    assert {format(span.context.trace_id, "032x") for span in by_name.values()} == {TRACE}
    assert format(request.parent.span_id, "016x") == PARENT
    assert inner.parent.span_id == request.context.span_id
    assert dict(request.attributes) == {
        "http.request.method": "GET",
        "http.response.status_code": 404,
        "imgopt.route": "image",
        "imgopt.request_id": "shop-1",
    }
    assert by_name["decode"].end_time == by_name["encode"].start_time
    assert by_name["encode"].end_time - by_name["encode"].start_time == 10_000_000


def test_a_traceparent_that_is_none_begins_a_trace_of_its_own(seen: InMemorySpanExporter) -> None:
    call(Watched(app), "/i/shoe", HTTP_TRACEPARENT="00-zz-zz-01")
    [request] = [span for span in seen.get_finished_spans() if span.name == "request"]
    assert request.parent is None


def test_an_error_is_named_by_its_kind_and_tells_no_more(seen: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError), spans.span("s3"):
        raise ValueError("secret 10.0.0.7")
    [span] = seen.get_finished_spans()
    assert (span.status.is_ok, span.status.description, span.events) == (False, "ValueError", ())


def test_where_nobody_traces_a_span_is_nothing() -> None:
    assert spans.span("render") is spans.span("request", carrier={})
    assert (spans.carrier(), spans.is_on()) == ({}, False)
    tracing.start("1")
    assert not spans.is_on()


def test_a_collector_without_the_library_is_refused(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    settings.CONFIG = settings.CONFIG
    configure(otel_endpoint="http://127.0.0.1:4318")
    assert tracing.is_installed()
    assert not [each for each in run_checks() if each.id == "delivery.E003"]
    monkeypatch.setattr(tracing, "find_spec", lambda _: None)
    assert [each.hint for each in run_checks() if each.id == "delivery.E003"] == ["pip install imgopt[otel]"]
