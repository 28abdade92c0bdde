"""Pictures in a bucket of S3, or of what speaks like it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, ReadTimeoutError

from assets.origins.deadline import Deadline
from assets.origins.errors import OriginNotFound, OriginTimeout, OriginTooLarge, OriginUnavailable
from assets.origins.opened import CHUNK_BYTES, Opened, Said, capped
from assets.s3.attempts import tried
from assets.s3.client import client
from pipeline.errors import ImgoptError


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketPlace:
    bucket: str
    prefix: str
    """Empty, or a text that ends in a slash."""
    max_bytes: int
    timeout_seconds: float
    in_place: bool = True

    @contextmanager
    def open(self, path: str, known: Said) -> Iterator[Opened | None]:
        deadline = Deadline(self.timeout_seconds)
        condition = {"IfNoneMatch": known["etag"]} if "etag" in known else {}
        try:
            answer = tried(
                lambda: client().get_object(Bucket=self.bucket, Key=self.prefix + path, **condition),
                seconds=self.timeout_seconds,
                always=True,
            )
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 304:
                yield None
                return
            raise _named(error) from error
        except BotoCoreError as error:
            raise _named(error) from error
        with closing(answer["Body"]) as body:
            if answer["ContentLength"] > self.max_bytes:
                raise OriginTooLarge
            yield Opened({"etag": answer["ETag"]}, capped(_chunks(body, deadline), self.max_bytes))

    def paths(self) -> Iterator[tuple[str, Said]]:
        """This will name every object below the prefix, sorted as S3 sorts them."""
        pages = client().get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix)
        try:
            for page in pages:
                for entry in page.get("Contents", []):
                    if not entry["Key"].endswith("/"):
                        yield entry["Key"].removeprefix(self.prefix), {"etag": entry["ETag"]}
        except (BotoCoreError, ClientError) as error:
            raise _named(error) from error


def _chunks(body: Any, deadline: Deadline) -> Iterator[bytes]:
    try:
        for chunk in body.iter_chunks(CHUNK_BYTES):
            deadline.left()
            yield chunk
    except BotoCoreError as error:
        raise _named(error) from error


def _named(error: Exception) -> ImgoptError:
    if isinstance(error, ClientError):
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in ("NoSuchKey", "404"):
            return OriginNotFound("The origin has no picture there.")
        return OriginUnavailable(f"The origin's bucket answered {code[:40]}.")
    if isinstance(error, ConnectTimeoutError | ReadTimeoutError):
        return OriginTimeout()
    return OriginUnavailable("The origin's bucket cannot be reached.")
