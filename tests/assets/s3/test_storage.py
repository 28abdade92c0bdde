"""Our storage on a real S3: whole reads, conditional writes, parts, and one client for all threads."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from typing import Any

import pytest
from botocore.exceptions import ClientError
from django.core.files.base import ContentFile

from assets.s3 import multipart
from assets.s3.client import client, forget
from assets.s3.storage import SharedS3Storage
from tests.delivery.world import at_once
from tests.fleet import objects, s3_client
from tests.proxy import Proxy

pytestmark = pytest.mark.services


def test_gives_back_what_was_saved(storage: SharedS3Storage, bucket: str) -> None:
    content: Any = ContentFile(b"shoe")
    content.digest = hashlib.sha256(b"shoe").hexdigest()
    assert storage.save("a/b", content) == "a/b"
    assert storage.read("a/b").data == storage.open("a/b").read() == b"shoe"
    assert (storage.exists("a/b"), storage.size("a/b"), storage.exists("a")) == (True, 4, False)
    assert s3_client().head_object(Bucket=bucket, Key="a/b")["Metadata"] == {"sha256": content.digest}
    storage.delete("a/b")
    storage.delete("a/b")
    with pytest.raises(FileNotFoundError):
        storage.read("a/b")
    with pytest.raises(FileNotFoundError):
        storage.size("a/b")


def test_a_bucket_that_is_not_there_is_an_error_and_no_miss(proxy: Proxy) -> None:
    with pytest.raises(ClientError, match="NoSuchBucket"):
        SharedS3Storage(bucket_name="imgopt-none").read("a")


def test_a_bucket_that_is_not_there_is_not_ready(storage: SharedS3Storage) -> None:
    storage.probe()
    with pytest.raises(ClientError):
        SharedS3Storage(bucket_name="imgopt-none").probe()


def test_all_threads_share_one_client_and_a_few_connections(storage: SharedS3Storage, proxy: Proxy) -> None:
    storage.save("a", ContentFile(b"shoe" * 1000))
    clients = {id(each) for each in at_once(8, client)}
    before = proxy.connections
    for _ in range(3):
        assert at_once(8, lambda: storage.read("a").data) == [b"shoe" * 1000] * 8
    assert len(clients) == 1
    assert proxy.connections - before <= 8


def test_a_process_that_was_forked_makes_a_client_of_its_own(proxy: Proxy) -> None:
    mine = client()
    forget()  # as after a fork
    assert client() is not mine


def test_of_many_that_write_a_new_object_one_does(storage: SharedS3Storage) -> None:
    names = [bytes([number]) * 100_000 for number in range(8)]
    waiting = list(names)
    assert Counter(at_once(8, lambda: storage.put_new("a", waiting.pop()))) == {True: 1, False: 7}
    assert storage.read("a").data in names


def test_what_was_not_seen_is_not_replaced(storage: SharedS3Storage) -> None:
    assert storage.put_new("a", b"draft")
    seen = storage.read("a")
    assert storage.replace("a", b"final", seen.etag)
    assert not storage.replace("a", b"late", seen.etag)
    assert storage.read("a").data == b"final"
    storage.delete("a")
    assert not storage.replace("a", b"risen", seen.etag)
    assert not storage.exists("a")


def test_bodies_that_break_off_are_read_again_and_never_given_in_part(storage: SharedS3Storage, proxy: Proxy) -> None:
    data = bytes(range(256)) * 4000
    storage.save("a", ContentFile(data))
    forget()  # no connection from before
    proxy.cut_after = 500_000
    with pytest.raises(Exception, match=r"(?i)connection|incomplete|expected"):
        storage.read("a")
    file = io.BytesIO()
    with pytest.raises(Exception, match=r"(?i)connection|incomplete|expected"):
        storage.fetch("a", file, byte_size=len(data))
    proxy.heal()
    assert storage.read("a").data == data
    assert storage.fetch("a", file, byte_size=len(data)) == hashlib.sha256(data).hexdigest()
    assert file.getvalue() == data


def test_a_tenth_of_refusals_is_not_felt(storage: SharedS3Storage, proxy: Proxy) -> None:
    storage.save("a", ContentFile(b"shoe"))
    proxy.refusing_share = 0.1
    for number in range(40):
        assert storage.put_new(f"b/{number}", b"boot")
        assert storage.read("a").data == b"shoe"


def parts_of(bucket: str) -> list[Any]:
    return list(s3_client().list_multipart_uploads(Bucket=bucket).get("Uploads", []))


def test_a_large_object_goes_in_parts_and_is_there_whole(storage: SharedS3Storage, bucket: str) -> None:
    data = bytes(range(256)) * (multipart.PART_BYTES // 256 * 2 + 100)
    storage.save("large", ContentFile(data))
    assert s3_client().head_object(Bucket=bucket, Key="large")["ETag"].endswith('-3"')
    assert storage.read("large").data == data
    assert parts_of(bucket) == []


def test_of_a_large_object_that_failed_nothing_is_left(
    storage: SharedS3Storage, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails at its third part."""
    real = multipart._sent

    def sent(asked: Any, number: int, data: bytes) -> Any:
        if number == 3:
            raise OSError("the disk is gone")
        return real(asked, number, data)

    monkeypatch.setattr(multipart, "_sent", sent)
    with pytest.raises(OSError, match="disk"):
        storage.save("large", ContentFile(b"." * (multipart.PART_BYTES * 2 + 1)))
    assert objects(bucket) == set()
    assert parts_of(bucket) == []


def test_a_part_that_is_refused_is_sent_again_alone(storage: SharedS3Storage, proxy: Proxy) -> None:
    proxy.refusing_share = 0.3
    data = b"." * (multipart.PART_BYTES * 2 + 1)
    storage.save("large", ContentFile(data))
    assert storage.size("large") == len(data)


def test_lists_and_deletes_many(storage: SharedS3Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assets.s3.storage.DELETE_AT_ONCE", 3)
    for number in range(7):
        storage.save(f"a/{number}", ContentFile(b"x" * number))
    storage.save("b/0", ContentFile(b""))
    assert [(each.name, each.byte_size) for each in storage.listed("a/")] == [(f"a/{n}", n) for n in range(7)]
    assert list(storage.folders()) == ["a/", "b/"]
    assert storage.listdir("a") == ([], [str(number) for number in range(7)])
    storage.delete_many([each.name for each in storage.listed("a/")])
    assert [each.name for each in storage.listed()] == ["b/0"]
