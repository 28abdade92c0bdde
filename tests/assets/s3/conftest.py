from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace

import pytest
from botocore.config import Config
from pytest_django import Settings

from assets.s3.client import forget
from assets.s3.storage import SharedS3Storage
from deploy.stack import ceph
from tests.fleet import make_buckets, remove_buckets
from tests.jobs.services import need
from tests.proxy import Proxy


@pytest.fixture
def proxy(settings: Settings) -> Iterator[Proxy]:
    """A real S3, reached through a proxy that can be spoilt."""
    need(ceph.PORT)
    proxy = Proxy(ceph.PORT)
    settings.CONFIG = replace(settings.CONFIG, s3_timeout_seconds=5.0, s3_attempts=3)
    known = settings.IMGOPT_S3_OPTIONS
    settings.IMGOPT_S3_OPTIONS = {
        **known,
        "endpoint_url": ceph.endpoint(proxy.port),
        "region_name": ceph.REGION,
        "access_key": ceph.ACCESS_KEY,
        "secret_key": ceph.SECRET_KEY,
        "client_config": known["client_config"].merge(Config(s3={"addressing_style": "path"})),
    }
    forget()
    yield proxy
    proxy.heal()
    forget()
    proxy.close()


@pytest.fixture
def bucket(proxy: Proxy) -> Iterator[str]:
    name = f"tests-{secrets.token_hex(6)}"
    make_buckets(name)
    yield name
    remove_buckets(name)


@pytest.fixture
def storage(bucket: str) -> SharedS3Storage:
    return SharedS3Storage(bucket_name=bucket)
