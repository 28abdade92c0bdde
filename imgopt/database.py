"""The database as the settings say it, and how servers and workers hold its connections."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import environ

from imgopt.config import Config

# Write transactions take the lock at once: two that read first and write later would fail, not wait.
SQLITE_OPTIONS = {
    "timeout": 20,
    "transaction_mode": "IMMEDIATE",
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
}
# A machine that has vanished is noticed after eleven seconds, and not after the kernel's two hours.
POSTGRESQL_OPTIONS = {
    "connect_timeout": 3,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "application_name": "imgopt",
}
WAIT_SECONDS = 2.0
"""For a free connection. A request holds one for milliseconds, and none while it waits for a render."""
IDLE_SECONDS = 300.0
IDLE_TRANSACTION_MS = 20_000
"""A process that stopped in the midst of a transaction must not hold its locks for ever. Ours lie idle while S3 takes a
final."""


def database(config: Config, data_dir: Path) -> dict[str, Any]:
    """This will give the entry of Django's `DATABASES`. What an address says itself counts."""
    if not config.database_url:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": data_dir / "db.sqlite3",
            "OPTIONS": dict(SQLITE_OPTIONS),
        }
    found: dict[str, Any] = environ.Env.db_url_config(config.database_url)
    if found["ENGINE"].endswith("sqlite3"):
        return {**found, "OPTIONS": dict(SQLITE_OPTIONS)}
    return {**found, "ENGINE": "imgopt.postgresql", "OPTIONS": {**POSTGRESQL_OPTIONS, **found.get("OPTIONS", {})}}


def of_servers(entry: Mapping[str, Any], config: Config) -> dict[str, Any]:
    """This will give what the entry of a server process has besides: many threads share a few connections.

    256 threads with one each are more than PostgreSQL's usual hundred; and a new one for each request takes 15 ms on
    two busy cores, where one of the pool, tried before, takes 0.1.
    """
    if not is_postgresql(entry):
        return {}
    options = {**entry["OPTIONS"], **_limits(entry, config)}
    if not config.database_pool:
        return {"OPTIONS": options}
    pool = {
        "min_size": 0,
        "max_size": config.database_pool,
        "timeout": WAIT_SECONDS,
        "max_idle": IDLE_SECONDS,
        # An attempt that fails is not repeated later and later: whoever comes next asks for another one.
        "reconnect_timeout": 0.0,
    }
    return {"CONN_HEALTH_CHECKS": True, "OPTIONS": {**options, "pool": pool}}


def of_workers(entry: Mapping[str, Any], config: Config) -> dict[str, Any]:
    """This will give what a worker's has besides: each of its few threads keeps a connection, which is tried before
    each job. A new one takes as long as an empty job."""
    kept = {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True}
    return {**kept, "OPTIONS": {**entry["OPTIONS"], **_limits(entry, config)}} if is_postgresql(entry) else kept


def _limits(entry: Mapping[str, Any], config: Config) -> dict[str, str]:
    """Of servers and workers only: migrations and commands take the time they need."""
    if not config.database_timeout_seconds or "options" in entry["OPTIONS"]:
        return {}
    statement = round(1000 * config.database_timeout_seconds)
    return {"options": f"-c statement_timeout={statement} -c idle_in_transaction_session_timeout={IDLE_TRANSACTION_MS}"}


def is_postgresql(entry: Mapping[str, Any]) -> bool:
    return bool(entry["ENGINE"] == "imgopt.postgresql")
