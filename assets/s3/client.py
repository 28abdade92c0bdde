"""The one S3 client of this process.

It may be used by all threads, and takes long to make: 81 to 271 ms, which django-storages pays once a thread.
"""

from __future__ import annotations

import os
import threading
from typing import Any

from django.conf import settings

from assets.s3.attempts import REST

_lock = threading.Lock()
_clients: dict[str, Any] = {}


def client() -> Any:
    return _client(settings.IMGOPT_S3_OPTIONS["endpoint_url"])


def presigner() -> Any:
    """This will give a client that signs addresses as they are for those outside; it never connects."""
    return _client(settings.CONFIG.s3_public_endpoint_url or settings.IMGOPT_S3_OPTIONS["endpoint_url"])


def forget() -> None:
    """This will have the next use make a client anew, as after a fork: two processes must not share its sockets."""
    global _lock
    _lock = threading.Lock()
    _clients.clear()
    REST.worked()


os.register_at_fork(after_in_child=forget)


def _client(endpoint_url: str | None) -> Any:
    name = endpoint_url or ""
    found = _clients.get(name)
    if found is None:
        with _lock:
            found = _clients.get(name)
            if found is None:
                found = _clients[name] = _made(endpoint_url)
    return found


def _made(endpoint_url: str | None) -> Any:
    import boto3  # 0.2 s, which an installation without S3 does not pay

    options = settings.IMGOPT_S3_OPTIONS
    session = boto3.session.Session(
        aws_access_key_id=options["access_key"], aws_secret_access_key=options["secret_key"]
    )
    return session.client(
        "s3", endpoint_url=endpoint_url, region_name=options["region_name"], config=options["client_config"]
    )
