"""A bucket as an origin, played by moto in this process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from moto import mock_aws

from assets.origins import bucket
from assets.origins.bucket import BucketPlace
from assets.origins.errors import OriginNotFound, OriginTimeout, OriginTooLarge, OriginUnavailable
from assets.origins.opened import Said
from assets.origins.places import bucket_of
from assets.s3.client import client as s3_client
from assets.s3.client import forget

NOTHING: Said = {}


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    """One client for all tests: making one takes half a second."""
    with mock_aws():  # which has credentials of its own
        forget()
        client = s3_client()
        client.create_bucket(Bucket="pictures")
        client.put_object(Bucket="pictures", Key="media/a b.jpg", Body=b"shoe")
        client.put_object(Bucket="pictures", Key="media/sub/c.jpg", Body=b"boot" * 1000)
        client.put_object(Bucket="pictures", Key="media/sub/", Body=b"")
        client.put_object(Bucket="pictures", Key="elsewhere.jpg", Body=b"no")
        yield client
        forget()


@pytest.fixture
def place(s3: Any) -> BucketPlace:
    return BucketPlace(bucket="pictures", prefix="media/", max_bytes=1000, timeout_seconds=5)


def read(place: BucketPlace, path: str, known: Said = NOTHING) -> tuple[bytes, Said] | None:
    with place.open(path, known) as opened:
        return None if opened is None else (b"".join(opened.chunks), opened.said)


def test_reads_an_object_and_knows_it_again(place: BucketPlace, s3: Any) -> None:
    found = read(place, "a b.jpg")
    assert found is not None
    assert found[0] == b"shoe"
    assert read(place, "a b.jpg", found[1]) is None
    s3.put_object(Bucket="pictures", Key="media/a b.jpg", Body=b"hat")
    assert read(place, "a b.jpg", found[1]) is not None


@pytest.mark.parametrize("path", ["none.jpg", "../elsewhere.jpg", "elsewhere.jpg", "sub"])
def test_what_is_not_below_the_prefix_is_not_found(place: BucketPlace, path: str) -> None:
    with pytest.raises(OriginNotFound):
        read(place, path)


def test_a_large_object_is_refused_unread(place: BucketPlace) -> None:
    with pytest.raises(OriginTooLarge):
        read(place, "sub/c.jpg")


def test_a_bucket_that_is_not_there_is_unavailable(s3: Any) -> None:
    away = BucketPlace(bucket="none", prefix="", max_bytes=1000, timeout_seconds=5)
    with pytest.raises(OriginUnavailable, match="NoSuchBucket"):
        read(away, "a.jpg")
    with pytest.raises(OriginUnavailable, match="NoSuchBucket"):
        list(away.paths())


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (ClientError({"Error": {"Code": "AccessDenied"}}, "GetObject"), OriginUnavailable),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), OriginUnavailable),
        (ConnectTimeoutError(endpoint_url="http://127.0.0.1:1"), OriginTimeout),
        (ReadTimeoutError(endpoint_url="http://127.0.0.1:1"), OriginTimeout),
    ],
)
def test_failures_have_their_names(
    place: BucketPlace, monkeypatch: pytest.MonkeyPatch, failure: Exception, error: type[Exception]
) -> None:
    class Failing:
        def get_object(self, **_: Any) -> Any:
            raise failure

    monkeypatch.setattr(bucket, "client", Failing)
    with pytest.raises(error):
        read(place, "a.jpg")


def test_names_what_lies_below_its_prefix(place: BucketPlace) -> None:
    assert [path for path, _ in place.paths()] == ["a b.jpg", "sub/c.jpg"]


@pytest.mark.parametrize(
    ("address", "parts"),
    [("s3://pictures", ("pictures", "")), ("s3://pictures/a/b", ("pictures", "a/b/")), ("s3://p/a/", ("p", "a/"))],
)
def test_an_address_is_bucket_and_prefix(address: str, parts: tuple[str, str]) -> None:
    assert bucket_of(address) == parts
