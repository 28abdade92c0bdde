"""A job knows the request it came from."""

from __future__ import annotations

import pytest
from structlog.contextvars import bound_contextvars, get_contextvars

from jobs import ledger
from jobs.causes import NAME, going_on
from tests.jobs.conftest import MakeKind

pytestmark = pytest.mark.django_db


def test_the_id_of_the_request_goes_along(make_kind: MakeKind) -> None:
    make_kind()
    with bound_contextvars(request_id="my-shop-4711"):
        one = ledger.enqueue("errand", {"a": 1})
        ledger.enqueue_many("errand", [{"a": 2}], batch=None)
    assert one.payload == {"a": 1, NAME: {"requestId": "my-shop-4711"}}
    assert ledger.enqueue("errand", {"a": 3}).payload == {"a": 3}, "nobody asked for this one"


def test_it_is_in_every_line_of_the_job_and_in_what_that_causes(make_kind: MakeKind) -> None:
    make_kind()
    with going_on("1", "errand", {NAME: {"requestId": "my-shop-4711"}}):
        assert get_contextvars()["request_id"] == "my-shop-4711"
        assert ledger.enqueue("errand", {}).payload[NAME] == {"requestId": "my-shop-4711"}
    assert "request_id" not in get_contextvars()
    with going_on("2", "errand", {}):
        assert "request_id" not in get_contextvars()
