"""The services under the servers: Redis, PostgreSQL and S3, started or borrowed."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Any

import boto3
import psycopg
from botocore.config import Config
from botocore.exceptions import ClientError

from deploy.stack import ceph
from deploy.stack.plan import Plan
from deploy.stack.processes import NotStarted, Processes, answers

PACKAGES = {
    "nginx": "nginx",
    "redis-server": "redis-server",
    "initdb": "postgresql",
    "radosgw": " ".join(ceph.PACKAGES),
}
"""What a program is in, in Debian and Ubuntu."""
DEBIANS_OWN = "/usr/lib/postgresql/*/bin"


def check_programs(plan: Plan) -> None:
    """This will raise `NotStarted` with the line that installs what is missing."""
    wanted = ["nginx", "redis-server"]
    wanted += ["initdb"] if plan.postgresql_port else []
    wanted += ["radosgw"] if plan.owns_s3 else []
    missing = [PACKAGES[program] for program in wanted if find_program(program) is None]
    if missing:
        raise NotStarted(f"Missing: sudo apt install --no-install-recommends {' '.join(missing)}")


def find_program(name: str) -> str | None:
    """This will look where Debian hides PostgreSQL's, and where root's programs are, too."""
    found = sorted(Path("/").glob(f"{DEBIANS_OWN[1:]}/{name}"), reverse=True)
    return str(found[0]) if found else shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def start_redis(plan: Plan, processes: Processes) -> None:
    folder = plan.folder / "redis"
    folder.mkdir(exist_ok=True)
    words = ["--port", str(plan.redis_port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    program = find_program("redis-server") or "redis-server"
    # Jobs' messages have no end and stay, variants have one and may go.
    words += ["--appendonly", "no", "--maxmemory", "256mb", "--maxmemory-policy", "volatile-lru"]
    processes.start("redis", [program, *words])
    processes.wait_until("redis", lambda: answers(plan.redis_port))


def start_postgresql(plan: Plan, processes: Processes) -> None:
    if plan.postgresql_port:
        _start_cluster(plan, processes)
    administer(plan, f'CREATE DATABASE "{plan.name}"')


def _start_cluster(plan: Plan, processes: Processes) -> None:
    """PostgreSQL does not run as root: then it runs as `postgres`, who must be able to reach the folder."""
    folder = plan.folder / "postgresql"
    folder.mkdir(exist_ok=True)
    as_other: list[str] = []
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
        as_other = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    data, log = folder / "data", processes.log("initdb")
    command = [find_program("initdb") or "initdb", "-D", str(data), "-U", "postgres", "-A", "trust", "--no-sync"]
    with log.open("ab") as stream:
        done = subprocess.run([*as_other, *command], cwd="/", stdout=stream, stderr=stream, check=False)
    if done.returncode:
        raise NotStarted(
            f"PostgreSQL's initdb failed; {log} says why. (Root's must be in a folder open to `postgres`.)"
        )
    words = ["-D", str(data), "-p", str(plan.postgresql_port), "-h", "127.0.0.1", "-k", str(folder), "-F"]
    processes.start("postgresql", [*as_other, find_program("postgres") or "postgres", *words])
    processes.wait_until("postgresql", lambda: _is_up(plan))


def _is_up(plan: Plan) -> bool:
    try:
        administer(plan, "SELECT 1")
    except psycopg.Error:
        return False
    return True


def administer(plan: Plan, statement: str) -> None:
    url = f"postgres://postgres@127.0.0.1:{plan.postgresql_port or 5432}/postgres"
    with psycopg.connect(url, autocommit=True, connect_timeout=3) as connection:
        connection.execute(statement.encode())


def drop_database(plan: Plan) -> None:
    """In a borrowed server; our own goes as a whole."""
    if plan.postgresql_port or not answers(5432):
        return
    try:
        administer(plan, f'DROP DATABASE IF EXISTS "{plan.name}" WITH (FORCE)')
    except psycopg.Error as error:
        raise NotStarted(f"The database {plan.name} is left: {error}") from error


def start_s3(plan: Plan) -> None:
    if plan.owns_s3:
        ceph.up(plan.folder / "s3", plan.s3_port)


def end_s3(plan: Plan) -> None:
    """This will end our own, or empty and remove the buckets in a borrowed one."""
    if plan.owns_s3:
        ceph.down(plan.folder / "s3")
    elif answers(plan.s3_port):
        client = _s3(plan)
        for bucket in plan.buckets:
            _remove_bucket(client, bucket)
        client.close()


def _remove_bucket(client: Any, bucket: str) -> None:
    try:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for each in page.get("Contents", ()):
                client.delete_object(Bucket=bucket, Key=each["Key"])
        uploads = client.list_multipart_uploads(Bucket=bucket).get("Uploads", ())
        for upload in uploads:
            client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        client.delete_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchBucket":
            raise


def _s3(plan: Plan) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=ceph.endpoint(plan.s3_port),
        region_name=ceph.REGION,
        aws_access_key_id=ceph.ACCESS_KEY,
        aws_secret_access_key=ceph.SECRET_KEY,
        config=Config(s3={"addressing_style": "path"}),
    )
