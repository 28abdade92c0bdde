"""What a stack consists of: its ports, its addresses and the settings of its servers and workers."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType

from deploy.stack import ceph
from deploy.stack.processes import NotStarted, answers, free_port, free_ports

FILE = "stack.json"
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "USER", "VIRTUAL_ENV")


@dataclass(frozen=True, kw_only=True)
class Plan:
    folder: Path
    port: int
    """Of nginx."""
    servers: tuple[int, ...]
    """Their ports."""
    workers: int
    redis_port: int
    postgresql_port: int
    """Of a cluster of its own; 0: the server that runs."""
    s3_port: int
    owns_s3: bool
    name: str
    """Of the database, and the start of the buckets' names."""
    secret_key: str
    settings: dict[str, str] = field(default_factory=dict)
    """Further settings of all servers and workers."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def database_url(self) -> str:
        return f"postgres://postgres@127.0.0.1:{self.postgresql_port or 5432}/{self.name}"

    @property
    def buckets(self) -> tuple[str, str]:
        start = self.name.replace("_", "-")
        return f"{start}-masters", f"{start}-variants"

    def environment(self, name: str, port: int | None = None) -> dict[str, str]:
        """This will give the whole environment of a server or a worker, each of which is a machine of its own."""
        masters, variants = self.buckets
        return {
            **{word: os.environ[word] for word in KEPT if word in os.environ},
            **self.settings,  # first: an IMGOPT_PORT in the shell that starts it must not be every server's
            "PYTHONUNBUFFERED": "1",
            "IMGOPT_ENV_FILE": os.devnull,
            "IMGOPT_DATA_DIR": str(self.folder / name),
            **({} if port is None else {"IMGOPT_PORT": str(port)}),
            "IMGOPT_BASE_URL": self.url,
            "IMGOPT_TRUSTED_PROXIES": "127.0.0.1",
            "IMGOPT_SECRET_KEY": self.secret_key,
            "DATABASE_URL": self.database_url,
            "REDIS_URL": f"redis://127.0.0.1:{self.redis_port}/0",
            "IMGOPT_STORAGE": "s3",
            **ceph.environment(self.s3_port),
            "IMGOPT_MASTERS_BUCKET": masters,
            "IMGOPT_VARIANTS_BUCKET": variants,
            "IMGOPT_JOBS_ENGINE": "celery",
            "IMGOPT_JOBS_WORKERS": "0",
        }

    def save(self) -> None:
        """It has secrets in it."""
        file = self.folder / FILE
        file.touch(mode=0o600)
        file.write_text(json.dumps({**asdict(self), "folder": str(self.folder)}, indent=1))


def load(folder: Path) -> Plan:
    """This will give the plan by which the stack in `folder` was started, or raise `NotStarted`."""
    try:
        known = json.loads((folder / FILE).read_text())
    except OSError as error:
        raise NotStarted(f"Expected a stack in {folder}, received none: make stack") from error
    return Plan(**{**known, "folder": Path(known["folder"]), "servers": tuple(known["servers"])})


def make_plan(
    folder: Path,
    *,
    port: int = 0,
    servers: int = 2,
    workers: int = 2,
    own_postgresql: bool | None = None,
    own_s3: bool | None = None,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Plan:
    """This will choose free ports, and PostgreSQL and S3 that run already where they answer; own ones if told so."""
    folder = folder.resolve()
    if port and answers(port):
        raise NotStarted(f"Port {port} is taken; choose another one: make stack PORT={port + 10}")
    starts_postgresql = not can_use_postgresql() if own_postgresql is None else own_postgresql
    starts_s3 = not answers(ceph.PORT) if own_s3 is None else own_s3
    front, redis_port, postgresql_port, *others = free_ports(3 + servers)
    return Plan(
        folder=folder,
        port=port or front,
        servers=tuple(others),
        workers=workers,
        redis_port=redis_port,
        postgresql_port=postgresql_port if starts_postgresql else 0,
        s3_port=free_s3_port() if starts_s3 else ceph.PORT,
        owns_s3=starts_s3,
        name=f"imgopt_stack_{secrets.token_hex(4)}",
        secret_key=secrets.token_hex(32),
        settings=dict(settings),
    )


def free_s3_port() -> int:
    """Ceph's monitor takes the two before it."""
    port = free_port()
    while answers(port - 1) or answers(port - 2):
        port = free_port()
    return port


def can_use_postgresql() -> bool:
    """Whether the server on the usual port lets us make databases."""
    import psycopg

    try:
        with psycopg.connect("postgres://postgres@127.0.0.1:5432/postgres", connect_timeout=3) as connection:
            row = connection.execute("SELECT rolcreatedb FROM pg_roles WHERE rolname = current_user").fetchone()
    except psycopg.Error:
        return False
    return bool(row and row[0])
