"""The database's settings, and the breaker before it."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from django.db import DatabaseError, OperationalError
from django.db.backends.postgresql import base as django_base
from psycopg_pool import PoolTimeout

from imgopt.config import Config
from imgopt.database import database, of_servers, of_workers
from imgopt.loading import load
from imgopt.postgresql import base
from imgopt.postgresql.base import REST_SECONDS, Breaker, DatabaseWrapper

URL = "postgres://imgopt@db/imgopt"


def config(**environment: str) -> Config:
    return load(environment)


def entry(url: str = URL, **environment: str) -> tuple[dict[str, Any], Config]:
    found = config(DATABASE_URL=url, **environment)
    return database(found, Path("/data")), found


def test_a_dead_or_vanished_postgresql_is_noticed_within_seconds() -> None:
    options = entry()[0]["OPTIONS"]
    assert options["connect_timeout"] <= 5
    assert options["keepalives_idle"] + options["keepalives_interval"] * options["keepalives_count"] <= 15


def test_what_the_address_says_counts() -> None:
    found, config = entry(f"{URL}?connect_timeout=9&options=-c%20search_path%3Dother")
    assert str(found["OPTIONS"]["connect_timeout"]) == "9"
    assert "search_path" in of_servers(found, config)["OPTIONS"]["options"]


def test_threads_of_a_server_share_connections_that_are_tried_first() -> None:
    found = of_servers(*entry(IMGOPT_DATABASE_POOL="7"))
    assert found["CONN_HEALTH_CHECKS"] is True
    assert (found["OPTIONS"]["pool"]["max_size"], found["OPTIONS"]["pool"]["min_size"]) == (7, 0)
    assert "statement_timeout=10000" in found["OPTIONS"]["options"]
    assert "pool" not in of_servers(*entry(IMGOPT_DATABASE_POOL="0"))["OPTIONS"]


def test_threads_of_a_worker_keep_theirs() -> None:
    found = of_workers(*entry(IMGOPT_DATABASE_TIMEOUT_SECONDS="2.5"))
    assert (found["CONN_MAX_AGE"], found["CONN_HEALTH_CHECKS"]) == (None, True)
    assert "pool" not in found["OPTIONS"]
    assert "statement_timeout=2500" in found["OPTIONS"]["options"]
    assert "options" not in of_workers(*entry(IMGOPT_DATABASE_TIMEOUT_SECONDS="0"))["OPTIONS"]


def test_commands_and_migrations_have_all_the_time_they_need() -> None:
    assert "options" not in entry()[0]["OPTIONS"]


def test_sqlite_is_as_it_was() -> None:
    for url in ("", "sqlite:////data/other.sqlite3"):
        found = config(**({"DATABASE_URL": url} if url else {}))
        sqlite = database(found, Path("/data"))
        assert (sqlite["ENGINE"], sqlite["OPTIONS"]["transaction_mode"]) == ("django.db.backends.sqlite3", "IMMEDIATE")
        assert of_servers(sqlite, found) == {}
        assert of_workers(sqlite, found) == {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True}


@pytest.fixture
def now() -> list[float]:
    return [1000.0]


@pytest.fixture
def breaker(now: list[float]) -> Breaker:
    return Breaker(lambda: now[0])


def test_after_one_has_waited_in_vain_the_others_are_refused_at_once(breaker: Breaker) -> None:
    assert breaker.check() is False
    breaker.failed()
    for _ in range(3):
        with pytest.raises(OperationalError):
            breaker.check()


def test_one_a_second_tries_again(breaker: Breaker, now: list[float]) -> None:
    breaker.failed()
    for _ in range(3):
        now[0] += REST_SECONDS
        assert breaker.check() is True
        with pytest.raises(OperationalError):
            breaker.check()


def test_it_is_back_when_one_comes_through(breaker: Breaker, now: list[float]) -> None:
    breaker.failed()
    now[0] += REST_SECONDS
    assert breaker.check() is True
    breaker.succeeded()
    assert [breaker.check() for _ in range(3)] == [False] * 3


def test_a_trial_goes_past_the_pool(monkeypatch: pytest.MonkeyPatch, breaker: Breaker, now: list[float]) -> None:
    """Which would wait two seconds where the database itself refuses at once."""
    calls: list[str] = []

    def refuse(**_: object) -> None:
        calls.append("trial")
        raise DatabaseWrapper.Database.OperationalError

    def wait(*_: object) -> None:
        calls.append("pool")
        raise OperationalError

    monkeypatch.setattr(base, "BREAKER", breaker)
    monkeypatch.setattr(DatabaseWrapper.Database, "connect", refuse)
    monkeypatch.setattr(django_base.DatabaseWrapper, "get_new_connection", wait)
    wrapper = DatabaseWrapper({"OPTIONS": {}}, "default")
    for _ in range(3):
        with pytest.raises((DatabaseError, DatabaseWrapper.Database.Error)):
            wrapper.get_new_connection({})
    now[0] += REST_SECONDS
    with pytest.raises(DatabaseWrapper.Database.Error):
        wrapper.get_new_connection({})
    assert calls == ["pool", "trial"]


@pytest.mark.parametrize("is_there", [True, False])
def test_a_pool_whose_connections_are_all_at_work_is_not_a_database_that_is_away(
    monkeypatch: pytest.MonkeyPatch, breaker: Breaker, is_there: bool
) -> None:
    def wait(*_: object) -> None:
        raise PoolTimeout

    def connect(**_: object) -> Mock:
        if not is_there:
            raise DatabaseWrapper.Database.OperationalError
        return Mock()

    monkeypatch.setattr(base, "BREAKER", breaker)
    monkeypatch.setattr(DatabaseWrapper.Database, "connect", connect)
    monkeypatch.setattr(django_base.DatabaseWrapper, "get_new_connection", wait)
    with pytest.raises(PoolTimeout):
        DatabaseWrapper({"OPTIONS": {}}, "default").get_new_connection({})
    with nullcontext() if is_there else pytest.raises(OperationalError):
        assert breaker.check() is False
