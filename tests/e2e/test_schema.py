"""Schemathesis against the server that `make run` starts: whatever is sent, the answer is one that is described."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.e2e.server import Server
from tests.images import encoded, scene

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
EXAMPLES = 5
UNLIMITED = {
    "IMGOPT_APIKEYS_RATE": "10000",
    "IMGOPT_APIKEYS_BURST": "10000",
    "IMGOPT_APIKEYS_ANONYMOUS_RATE": "10000",
    "IMGOPT_APIKEYS_ANONYMOUS_BURST": "10000",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("var"), environment=UNLIMITED)
    server.start()
    yield server
    server.stop()


def stored_master(server: Server) -> str:
    """This will store a master and give its id, in the form that goes into a path."""
    answer = server.upload(server.api_key, ("a.png", encoded(scene(), "png")))
    assert answer.status == 201, answer.body
    return str(answer.json[0]["id"])


def ask(server: Server, operation: APIOperation, mode: GenerationMode, **fixed: Any) -> list[int]:
    """This will send what the description allows, or what it does not, check every answer, and give the statuses."""
    statuses: list[int] = []

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode, **fixed))
    def send(case: Any) -> None:
        answer = case.call_and_validate(
            base_url=f"http://127.0.0.1:{server.port}",
            headers={"Authorization": f"Bearer {server.api_key}"},
            checks=CHECKS,
        )
        statuses.append(answer.status_code)

    send()
    return statuses


@pytest.mark.slow
def test_every_answer_is_one_that_is_described(server: Server) -> None:
    """With whatever names of masters come to mind, and with that of one that exists."""
    schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{server.port}/api/schema")
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        statuses: list[int] = []
        for mode in GenerationMode:
            if mode.is_negative and operation.label == "GET /api/v1/health":
                continue  # nothing can be wrong with it
            statuses += ask(server, operation, mode)
            if "{reference}" in operation.path:
                statuses += ask(server, operation, mode, path_parameters={"reference": stored_master(server)})
        # Or the checks would have seen nothing but one kind of refusal.
        assert not {401, 403, 429} & set(statuses), operation.label
