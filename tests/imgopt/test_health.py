"""Alive and ready are two questions: the first asks nobody, the second everybody, briefly."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from imgopt import health
from tests.delivery.world import configure, raiser


def away(*_: Any, **__: Any) -> Any:
    raise OSError("secret address 10.0.0.7 does not answer")


@pytest.fixture
def well(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Callable[..., None]:
    """All dependencies answer; the function replaces one."""
    settings.CONFIG = settings.CONFIG
    parts: dict[str, Any] = dict.fromkeys(("masters", "variants", "renderer", "redis", "database"), lambda *_: None)
    storage = {name: SimpleNamespace(exists=lambda _, name=name: parts[name]()) for name in ("masters", "variants")}
    monkeypatch.setattr(health, "storages", storage)
    monkeypatch.setattr(health, "caches", {"shared": SimpleNamespace(get=lambda _: parts["redis"]())})
    monkeypatch.setattr(health, "render_pool", lambda: SimpleNamespace(ping=lambda: parts["renderer"]()))
    monkeypatch.setattr(health, "_probe_database", lambda: parts["database"]())
    return parts.update


def ask(path: str = "/readyz") -> Any:
    return Client(raise_request_exception=False).get(path)


def test_is_alive_without_asking_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_probe_all", raiser("the dependencies"))
    answer = ask("/healthz")
    assert (answer.status_code, answer.json(), answer["Cache-Control"]) == (200, {"status": "ok"}, "no-store")


def test_is_ready_when_everybody_answers(well: Callable[..., None]) -> None:
    answer = ask()
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    told = answer.json()
    taken = told.pop("milliseconds")
    assert told == {
        "status": "ok",
        "dependencies": {"database": "ok", "masters": "ok", "variants": "ok", "renderer": "ok"},
    }
    assert set(taken) == set(told["dependencies"])
    assert all(0 <= each < 2000 for each in taken.values())


def test_who_asks_meanwhile_hears_what_is_found_and_probes_nothing() -> None:
    found = {"one": health.Probed("ok", 1.0), "two": health.Probed("failed", 2.0)}
    under_way: Future[dict[str, health.Probed]] = Future()
    under_way.set_result(found)
    health._rounds["one", "two"] = under_way
    try:
        assert health._probe_together({"two": raiser("a probe"), "one": raiser("a probe")}) == found
    finally:
        del health._rounds["one", "two"]


def test_a_round_that_is_over_is_not_told_again() -> None:
    asked: list[int] = []
    for _ in range(2):
        assert health._probe_together({"one": lambda: asked.append(1)})["one"].state == "ok"
    assert len(asked) == 2
    assert not health._rounds


def test_can_be_asked_for_some_of_them(well: Callable[..., None]) -> None:
    """What all machines share says nothing of where traffic should go."""
    well(database=away)
    answer = ask("/readyz?only=renderer,masters")
    assert (answer.status_code, set(answer.json()["dependencies"])) == (200, {"renderer", "masters"})
    assert ask("/readyz?only=database").status_code == 503
    for wrong in ("renderer,disk", ""):
        refused = ask(f"/readyz?only={wrong}")
        assert (refused.status_code, refused.json()["code"]) == (400, "bad_parameter")


@pytest.mark.parametrize("name", ["database", "masters", "variants", "renderer"])
def test_names_who_does_not_answer_and_tells_no_more(well: Callable[..., None], name: str) -> None:
    well(**{name: away})
    answer = ask()
    assert answer.status_code == 503
    assert answer.json()["status"] == "unavailable"
    states = answer.json()["dependencies"]
    assert states.pop(name) == "failed"
    assert set(states.values()) == {"ok"}
    assert b"10.0.0.7" not in answer.content, "what went wrong is for the log"


def test_redis_is_asked_where_it_is_used(well: Callable[..., None]) -> None:
    configure(redis_url="redis://127.0.0.1:1/0")
    assert ask().json()["dependencies"]["redis"] == "ok"
    well(redis=away)
    assert (ask().status_code, ask().json()["dependencies"]["redis"]) == (503, "failed")


def test_the_broker_is_asked_where_it_carries_jobs(well: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    from jobs.engines import celery

    monkeypatch.setattr(celery, "probe", lambda: None)
    configure(jobs_engine="celery", jobs_broker_url="amqp://127.0.0.1:1//")
    assert ask().json()["dependencies"]["broker"] == "ok"
    monkeypatch.setattr(celery, "probe", away)
    assert (ask().status_code, ask().json()["dependencies"]["broker"]) == (503, "failed")


@pytest.fixture
def hanging() -> Iterator[Callable[[], None]]:
    end = threading.Event()

    def hang() -> None:
        end.wait(30)

    yield hang
    end.set()


def test_who_does_not_answer_in_time_is_named_and_not_waited_for(
    well: Callable[..., None], hanging: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "LIMIT_SECONDS", 0.05)
    well(masters=hanging, variants=away)
    began = time.monotonic()
    answer = ask()
    assert time.monotonic() - began < 20
    assert answer.status_code == 503
    states = answer.json()["dependencies"]
    assert (states["masters"], states["variants"]) == ("timeout", "failed")
    assert answer.json()["milliseconds"]["masters"] == 50


def test_the_limit_is_two_seconds() -> None:
    assert health.LIMIT_SECONDS == 2.0


@pytest.mark.django_db
def test_the_real_dependencies_answer() -> None:
    answer = ask()
    assert (answer.status_code, set(answer.json()["dependencies"].values())) == (200, {"ok"})


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_can_be_asked_by_get_and_head_only(well: Callable[..., None], path: str) -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.head(path).status_code == 200
    refused = client.post(path)
    assert (refused.status_code, refused["Allow"]) == (405, "GET, HEAD")
    assert refused.json()["code"] == "method_not_allowed"
