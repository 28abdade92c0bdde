"""Several machines as one installation: each is a server with a data directory of its own, and all of them share a
PostgreSQL, a Redis and an S3.

with fleet(folder) as machines:
    one, two = machines.servers
    machines.redis.cut()          # every service is reached through a proxy that can be spoilt
    one.request(url); machines.renders()
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import boto3
import psycopg
import redis
from botocore.config import Config

from deploy.stack import ceph
from tests.e2e.server import Server, free_port
from tests.jobs.crew import REDIS_URL, database
from tests.jobs.services import need
from tests.proxy import Proxy

REDIS_PORT, POSTGRESQL_PORT = 6379, 5432


@dataclass
class Fleet:
    folder: Path
    environment: dict[str, str]
    servers: list[Server] = field(default_factory=list)
    proxies: dict[str, Proxy] = field(default_factory=dict)
    redis_prefix: str = ""
    buckets: tuple[str, ...] = ()
    known_key: str = ""

    @property
    def redis(self) -> Proxy:
        return self.proxies["redis"]

    @property
    def s3(self) -> Proxy:
        return self.proxies["s3"]

    @property
    def database(self) -> Proxy:
        return self.proxies["database"]

    @property
    def api_key(self) -> str:
        """The first machine has made it, for all of them; it is told once, so it is remembered."""
        self.known_key = self.known_key or self.servers[0].api_key
        return self.known_key

    def add(self, **environment: str) -> Server:
        """This will prepare one more machine, and not start it."""
        server = Server(self.folder / f"machine-{len(self.servers) + 1}", {**self.environment, **environment})
        server.port = free_port()
        self.servers.append(server)
        return server

    def renders(self) -> list[str]:
        """The variants that were begun on any of the machines, a name each time."""
        log = Path(self.environment["IMGOPT_RENDER_LOG"])
        return [line.split()[0] for line in log.read_text().splitlines()] if log.exists() else []


@contextmanager
def fleet(
    folder: Path, *, servers: int = 2, start: bool = True, redis_port: int = REDIS_PORT, **environment: str
) -> Iterator[Fleet]:
    """`environment` is that of every machine. Without `start` they are only prepared."""
    need(REDIS_PORT, POSTGRESQL_PORT, ceph.PORT)
    with ExitStack() as stack:
        proxies = {
            "redis": Proxy(redis_port),
            "s3": Proxy(ceph.PORT),
            "database": Proxy(POSTGRESQL_PORT),
        }
        for proxy in proxies.values():
            stack.callback(proxy.close)
        prefix = f"fleet-{secrets.token_hex(4)}"
        stack.callback(forget_redis, prefix)
        shared = {
            "DATABASE_URL": through(stack.enter_context(database("postgresql", folder)), proxies["database"]),
            "REDIS_URL": through(REDIS_URL, proxies["redis"]),
            "IMGOPT_REDIS_PREFIX": prefix,
            "IMGOPT_STORAGE": "s3",
            **ceph.environment(proxies["s3"].port),
            "IMGOPT_MASTERS_BUCKET": f"{prefix}-masters",
            "IMGOPT_VARIANTS_BUCKET": f"{prefix}-variants",
            "IMGOPT_SECRET_KEY": secrets.token_hex(32),
            "IMGOPT_RENDER_LOG": str(folder / "renders"),
            "IMGOPT_JOBS_WORKERS": "0",
            **environment,
        }
        buckets = (shared["IMGOPT_MASTERS_BUCKET"], shared["IMGOPT_VARIANTS_BUCKET"])
        make_buckets(*buckets)
        stack.callback(remove_buckets, *buckets)
        found = Fleet(folder, shared, proxies=proxies, redis_prefix=prefix, buckets=buckets)
        for _ in range(servers):
            server = found.add()
            stack.callback(server.stop)
            if start:
                server.start()
        yield found


def through(url: str, proxy: Proxy) -> str:
    """This will give the same address by way of a proxy."""
    parts = urlsplit(url)
    user, at, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}{at}127.0.0.1:{proxy.port}"))


def s3_client():
    """A client of the tests' own, past every proxy."""
    return boto3.client(
        "s3",
        endpoint_url=ceph.endpoint(),
        region_name=ceph.REGION,
        aws_access_key_id=ceph.ACCESS_KEY,
        aws_secret_access_key=ceph.SECRET_KEY,
        config=Config(s3={"addressing_style": "path"}),
    )


def make_buckets(*names: str) -> None:
    client = s3_client()
    for name in names:
        client.create_bucket(Bucket=name)
    client.close()


def remove_buckets(*names: str) -> None:
    client = s3_client()
    for name in names:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=name):
            for each in page.get("Contents", ()):
                client.delete_object(Bucket=name, Key=each["Key"])
        for upload in client.list_multipart_uploads(Bucket=name).get("Uploads", ()):
            client.abort_multipart_upload(Bucket=name, Key=upload["Key"], UploadId=upload["UploadId"])
        client.delete_bucket(Bucket=name)
    client.close()


def objects(bucket: str) -> set[str]:
    """The names of all objects in a bucket."""
    client = s3_client()
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    found = {each["Key"] for page in pages for each in page.get("Contents", ())}
    client.close()
    return found


def forget_redis(prefix: str) -> None:
    with redis.Redis.from_url(REDIS_URL) as client:
        for key in client.scan_iter(f"{prefix}:*", count=1000):
            client.delete(key)


def rows(machines: Fleet, query: str) -> list[tuple]:
    """What the shared database answers, past its proxy."""
    parts = urlsplit(machines.environment["DATABASE_URL"])
    url = urlunsplit(parts._replace(netloc=f"postgres@127.0.0.1:{POSTGRESQL_PORT}"))
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query).fetchall()


def digest_of(machines: Fleet, image: str) -> str:
    """The digest of a master's bytes."""
    query = f"SELECT b.digest FROM assets_master m JOIN assets_blob b ON b.id = m.blob_id WHERE m.id = '{image}'"
    [(digest,)] = rows(machines, query)
    return str(digest)
