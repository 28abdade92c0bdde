"""Django's storage on S3 with the one client of this process, whole reads, and writes that say what they replace."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Iterator
from datetime import datetime
from typing import IO, Any, Final, NamedTuple

import structlog
from botocore.exceptions import ClientError, HTTPClientError, ReadTimeoutError
from django.conf import settings
from django.core.files.base import ContentFile, File
from storages.backends.s3 import S3Storage
from storages.utils import clean_name

from assets.s3 import multipart
from assets.s3.attempts import code_of, is_absent, status_of, tried
from assets.s3.client import client

log = structlog.get_logger("assets.s3")

CHUNK_BYTES: Final = 1 << 18
SLOWEST_BYTES_A_SECOND: Final = 2_000_000
"""A body has the time of a call and this beside: one that drips must not keep a caller for ever."""
DELETE_AT_ONCE: Final = 1000
CANNOT: Final = frozenset({"NotImplemented", "MethodNotAllowed", "MalformedXML", "MissingContentMD5"})
LOST: Final = (412, 409)
"""The condition is not met; another write of the same object is under way."""


class Stored(NamedTuple):
    data: bytes
    etag: str


class Listed(NamedTuple):
    name: str
    byte_size: int
    changed_at: datetime


class BrokenBody(HTTPClientError):  # type: ignore[misc]
    """The object came, and not all of it."""

    fmt = "Expected {expected} bytes of an object, received {received}."


class SharedS3Storage(S3Storage):  # type: ignore[misc]
    """Used by `STORAGES`; what it does not say here is done as django-storages does it, with the shared client."""

    class _Connection:
        class meta:  # noqa: N801  as boto3 calls it
            client: Any = None

    @property
    def connection(self) -> Any:
        self._Connection.meta.client = client()
        return self._Connection

    def read(self, name: str, *, always: bool = False) -> Stored:
        """This will give an object whole with its ETag. `FileNotFoundError`: there is none."""

        def call() -> Stored:
            answer = self._got(name)
            pieces = list(_pieces(answer))
            return Stored(b"".join(pieces), answer["ETag"])

        return self._found(name, lambda: tried(call, always=always))  # type: ignore[no-any-return]

    def fetch(self, name: str, into: IO[bytes], *, byte_size: int) -> str:
        """This will write an object into a file and give its SHA-256. `FileNotFoundError`: there is none."""

        def call() -> str:
            into.seek(0)
            into.truncate()
            sha256 = hashlib.sha256()
            for piece in _pieces(self._got(name)):
                sha256.update(piece)
                into.write(piece)
            return sha256.hexdigest()

        return self._found(name, lambda: tried(call, seconds=_seconds_for(byte_size)))  # type: ignore[no-any-return]

    def put_new(self, name: str, data: bytes) -> bool:
        """This will write an object where there is none; `False`: there is one, and it stays.

        A server that does not know the condition either says so, and then it is asked first whether there is one, or
        ignores it.
        """
        try:
            self._put(name, data, IfNoneMatch="*")
        except ClientError as error:
            if status_of(error) in LOST:
                return False
            if not _cannot(error):
                raise
            if self.exists(name):
                return False
            self._put(name, data)
        return True

    def replace(self, name: str, data: bytes, etag: str) -> bool:
        """This will write an object in the place of one with this ETag; `False`: another stands there by now.

        Ceph compares with the ETag as it is without its quotes, so it is asked both ways.
        """
        for said in (etag, etag.strip('"')):
            try:
                self._put(name, data, IfMatch=said)
            except ClientError as error:
                if status_of(error) in (*LOST, 404):
                    continue
                if not _cannot(error):
                    raise
                self._put(name, data)
            return True
        return False

    def delete(self, name: str) -> None:
        tried(lambda: client().delete_object(Bucket=self.bucket_name, Key=self._key(name)), always=True)

    def delete_many(self, names: list[str]) -> None:
        """This will delete a thousand with a call, or one with a call where the server cannot."""
        for start in range(0, len(names), DELETE_AT_ONCE):
            part = names[start : start + DELETE_AT_ONCE]
            asked = {"Objects": [{"Key": self._key(name)} for name in part], "Quiet": True}
            try:
                answer = tried(lambda: client().delete_objects(Bucket=self.bucket_name, Delete=asked), always=True)  # noqa: B023
            except ClientError as error:
                if not _cannot(error):
                    raise
                answer = {}
                for name in part:
                    self.delete(name)
            if failed := answer.get("Errors"):
                raise OSError(f"{len(failed)} objects could not be deleted: {failed[0].get('Code')}")

    def exists(self, name: str) -> bool:
        try:
            self._head(name)
        except FileNotFoundError:
            return False
        return True

    def has(self, name: str, content: File[Any]) -> bool:
        """Whether an object has these bytes, as far as S3 says: the ETag of what went in parts, or is encrypted with a
        key of its own, tells nothing, and then the answer is no."""
        try:
            found = self._head(name)
        except FileNotFoundError:
            return False
        content.seek(0)
        md5 = hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        return bool(found["ContentLength"] == content.size and found["ETag"].strip('"') == md5)

    def probe(self) -> None:
        """This will raise unless S3 answers and the bucket is there. (That an object is not there, S3 says in the same
        words of a bucket that is not.)"""
        tried(lambda: client().head_bucket(Bucket=self.bucket_name))

    def size(self, name: str) -> int:
        return int(self._head(name)["ContentLength"])

    def get_modified_time(self, name: str) -> datetime:
        found: datetime = self._head(name)["LastModified"]
        return found

    def listed(self, prefix: str = "") -> Iterator[Listed]:
        """This will give every object below a prefix, in the order of their names."""
        for page in self._pages(Prefix=self._prefix(prefix)):
            for entry in page.get("Contents", ()):
                yield Listed(entry["Key"].removeprefix(self._prefix("")), entry["Size"], entry["LastModified"])

    def folders(self, prefix: str = "") -> Iterator[str]:
        """This will name the folders right below a prefix, each with its closing slash."""
        for page in self._pages(Prefix=self._prefix(prefix), Delimiter="/"):
            for entry in page.get("CommonPrefixes", ()):
                yield entry["Prefix"].removeprefix(self._prefix(""))

    def _pages(self, **asked: Any) -> Iterator[dict[str, Any]]:
        while True:
            page = tried(lambda: client().list_objects_v2(Bucket=self.bucket_name, **asked), always=True)
            yield page
            if not page.get("IsTruncated"):
                return
            asked["ContinuationToken"] = page["NextContinuationToken"]

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        if mode != "rb":
            raise ValueError("Objects are read by `open` and written by `save`.")
        return ContentFile(self.read(name).data, name=name)

    def _save(self, name: str, content: File[Any]) -> str:
        key = self._key(name)
        facts = {"sha256": content.digest} if hasattr(content, "digest") else {}
        content.seek(0)
        if content.size > multipart.PART_BYTES:
            multipart.upload(self.bucket_name, key, content, facts)
        else:
            self._put(name, content.read(), Metadata=facts)
        return clean_name(name)  # type: ignore[no-any-return]

    def _put(self, name: str, data: bytes, **conditions: Any) -> None:
        """`ContentMD5` is the one checksum that every S3 compares: a body that was changed on its way is refused."""
        tried(
            lambda: client().put_object(
                Bucket=self.bucket_name,
                Key=self._key(name),
                Body=data,
                ContentType=self.default_content_type,
                ContentMD5=md5_of(data),
                **conditions,
            )
        )

    def _got(self, name: str) -> dict[str, Any]:
        answer: dict[str, Any] = client().get_object(Bucket=self.bucket_name, Key=self._key(name))
        return answer

    def _head(self, name: str) -> dict[str, Any]:
        asked = {"Bucket": self.bucket_name, "Key": self._key(name)}
        return self._found(name, lambda: tried(lambda: client().head_object(**asked)))  # type: ignore[no-any-return]

    @staticmethod
    def _found(name: str, call: Any) -> Any:
        try:
            return call()
        except ClientError as error:
            if is_absent(error):
                raise FileNotFoundError(f"There is no object {name}.") from error
            raise

    def _key(self, name: str) -> str:
        return str(self._normalize_name(clean_name(name)))

    def _prefix(self, prefix: str) -> str:
        location = self.location.strip("/")
        return f"{location}/{prefix}" if location else prefix


def md5_of(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def _seconds_for(byte_size: int) -> float:
    return float(settings.CONFIG.s3_timeout_seconds) + byte_size / SLOWEST_BYTES_A_SECOND


def _pieces(answer: dict[str, Any]) -> Iterator[bytes]:
    """This will give a body in pieces, and raise where it is not whole or takes too long."""
    expected, received = int(answer["ContentLength"]), 0
    give_up_at = time.monotonic() + _seconds_for(expected)
    body = answer["Body"]
    try:
        while piece := body.read(CHUNK_BYTES):
            received += len(piece)
            yield piece
            if time.monotonic() > give_up_at:
                raise ReadTimeoutError(endpoint_url="S3")
    finally:
        body.close()
    if received != expected:
        raise BrokenBody(expected=expected, received=received)


def _cannot(error: ClientError) -> bool:
    return status_of(error) == 501 or code_of(error) in CANNOT
