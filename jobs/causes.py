"""What caused a job: the id of a request, and its trace. They go along in the payload, so that one search in the log
finds the request and all that came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from structlog.contextvars import bound_contextvars, get_contextvars, unbind_contextvars

from pipeline import spans

NAME: Final = "cause"


def with_cause(payload: dict[str, Any]) -> dict[str, Any]:
    """This will give a payload that names the request under way, if there is one."""
    request_id = get_contextvars().get("request_id")
    found = {**({"requestId": request_id} if request_id else {}), **spans.carrier()}
    return {**payload, NAME: found} if found else payload


@contextmanager
def going_on(job_id: str, kind: str, payload: Mapping[str, Any]) -> Iterator[None]:
    """This will have log lines and spans of a job name its cause."""
    cause: Mapping[str, str] = payload.get(NAME) or {}
    bound = {"request_id": cause["requestId"]} if "requestId" in cause else {}
    with bound_contextvars(**bound), spans.span(f"job {kind}", {"imgopt.job": job_id}, carrier=cause):
        try:
            yield
        finally:
            unbind_contextvars("trace_id")  # the thread's next job has another
