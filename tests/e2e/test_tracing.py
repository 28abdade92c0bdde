"""Traces of a real server and its worker, as a collector receives them."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.e2e.server import ROOT, Server

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(240)]

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PATIENCE_SECONDS = 60.0


@contextmanager
def collector() -> Iterator[tuple[str, list[Any]]]:
    """What OTLP over HTTP is sent to, and the spans it got."""
    spans: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    spans.extend(scope.spans)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", spans
        server.shutdown()
        thread.join()


def test_a_request_its_render_and_its_job_are_one_trace(tmp_path: Path) -> None:
    with collector() as (endpoint, spans):
        settings = {
            "IMGOPT_OTEL_ENDPOINT": endpoint,
            "IMGOPT_OTEL_SAMPLE": "0",  # what others have begun is traced nevertheless
            "IMGOPT_DELIVERY_BUDGET_MS": "0",  # a draft, so that a job makes its final
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }
        server = Server(tmp_path, settings)
        server.start()
        try:
            url = server.line_with("/i/demo/").strip()
            headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01", "X-Request-ID": "my-shop-4711"}
            assert server.request(url, headers=headers).status == 200
            assert server.request("/readyz").status == 200  # sampled out

            def found() -> dict[str, Any]:
                return {span.name: span for span in list(spans)}

            give_up_at = time.monotonic() + PATIENCE_SECONDS
            while not {"request", "job refine"} <= set(found()):
                assert time.monotonic() < give_up_at, sorted(found())
                time.sleep(0.1)
        finally:
            server.stop()
        assert {span.trace_id.hex() for span in spans} == {TRACE}
        request = found()["request"]
        facts = {each.key: each.value for each in request.attributes}
        assert request.parent_span_id.hex() == "00f067aa0ba902b7"
        assert facts["http.response.status_code"].int_value == 200
        assert facts["imgopt.request_id"].string_value == "my-shop-4711"
        assert facts["imgopt.tier"].string_value == "render"
        names = {span.name for span in spans}
        assert {"tier storage get", "tier storage put", "render", "decode", "encode"} <= names
        by_id = {span.span_id: span for span in spans}
        for span in spans:
            if span.name in ("decode", "encode"):
                parent = by_id[span.parent_span_id]
                assert parent.name == "render"
                assert parent.start_time_unix_nano <= span.start_time_unix_nano < span.end_time_unix_nano
        assert found()["job refine"].parent_span_id in by_id
        lines = [json.loads(line) for line in server.output if line.startswith("{")]
        told = [line for line in lines if line.get("request_id") == "my-shop-4711"]
        assert {"request", "job ran"} <= {line["event"] for line in told}, "one id from the request to its job"
        assert {line["trace_id"] for line in told if line["event"] in ("request", "job ran", "rendered")} == {TRACE}


def test_without_a_collector_nothing_of_it_is_imported(tmp_path: Path) -> None:
    code = "import imgopt.wsgi, jobs.worker, sys; print([name for name in sys.modules if name.startswith('opentele')])"
    keys = {"IMGOPT_SIGNING_KEYS": f"k:{'0f' * 32}", "IMGOPT_PORT": "8000"}
    environment = Server(tmp_path, keys).whole_environment
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
