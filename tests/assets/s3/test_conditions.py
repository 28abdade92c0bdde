"""Servers that know no conditions: they say so, or they ignore them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from assets.s3.storage import SharedS3Storage


class Server:
    """Keeps objects; `refuse` may raise for a put with a condition."""

    def __init__(self, refuse: Callable[[dict[str, Any]], None]) -> None:
        self.refuse = refuse
        self.objects: dict[str, bytes] = {}

    def put_object(self, **asked: Any) -> None:
        self.refuse(asked)
        self.objects[asked["Key"]] = asked["Body"]

    def head_object(self, **asked: Any) -> dict[str, Any]:
        if asked["Key"] not in self.objects:
            raise failure(404, "404")
        return {}


def failure(status: int, code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "PutObject")


def refusing(status: int, code: str) -> Callable[[dict[str, Any]], None]:
    def refuse(asked: dict[str, Any]) -> None:
        if "IfNoneMatch" in asked or "IfMatch" in asked:
            raise failure(status, code)

    return refuse


@pytest.fixture
def storage() -> SharedS3Storage:
    return SharedS3Storage(bucket_name="b")


def playing(monkeypatch: pytest.MonkeyPatch, refuse: Callable[[dict[str, Any]], None]) -> Server:
    server = Server(refuse)
    monkeypatch.setattr("assets.s3.storage.client", lambda: server)
    return server


def test_who_has_no_conditions_is_asked_first(storage: SharedS3Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    server = playing(monkeypatch, refusing(501, "NotImplemented"))
    assert storage.put_new("a", b"first")
    assert not storage.put_new("a", b"second")
    assert storage.replace("a", b"third", '"etag"')
    assert server.objects == {"a": b"third"}


def test_who_ignores_them_takes_the_last(storage: SharedS3Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    server = playing(monkeypatch, lambda _: None)
    assert storage.put_new("a", b"first")
    assert storage.put_new("a", b"second")
    assert server.objects == {"a": b"second"}


def test_a_write_of_the_same_object_under_way_counts_as_the_first(
    storage: SharedS3Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    playing(monkeypatch, refusing(409, "ConditionalRequestConflict"))
    assert not storage.put_new("a", b"second")
    assert not storage.replace("a", b"second", '"etag"')


def test_other_refusals_are_errors(storage: SharedS3Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    playing(monkeypatch, refusing(403, "AccessDenied"))
    with pytest.raises(ClientError):
        storage.put_new("a", b"first")
    with pytest.raises(ClientError):
        storage.replace("a", b"first", '"etag"')
