"""Large objects in parts: there whole when the last call says so, and not at all before."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any, Final

import structlog

from assets.s3.attempts import tried
from assets.s3.client import client

log = structlog.get_logger("assets.s3")

PART_BYTES: Final = 8 * 1024 * 1024
"""A part that fails is sent again, and only that one. S3 takes 10,000 of them: 80 GB."""


def upload(bucket: str, key: str, content: IO[bytes], facts: Mapping[str, str]) -> None:
    """This will write an object part by part. Whatever goes wrong, the parts are taken back; what even that fails to
    take back (or a `kill -9` leaves), `prune` and the bucket's lifecycle do."""
    asked = {"Bucket": bucket, "Key": key}
    begun = tried(
        lambda: client().create_multipart_upload(**asked, Metadata=facts, ContentType="application/octet-stream")
    )
    asked["UploadId"] = begun["UploadId"]
    try:
        parts: list[dict[str, Any]] = []
        while data := content.read(PART_BYTES):
            parts.append(_sent(asked, len(parts) + 1, data))
        tried(lambda: client().complete_multipart_upload(**asked, MultipartUpload={"Parts": parts}))
    except BaseException:
        _abort(asked)
        raise


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An upload in parts that was begun; its parts are in no list of objects."""

    bucket: str
    key: str
    upload_id: str
    begun_at: datetime

    def abort(self) -> None:
        asked = {"Bucket": self.bucket, "Key": self.key, "UploadId": self.upload_id}
        tried(lambda: client().abort_multipart_upload(**asked), always=True)


def unfinished(bucket: str) -> Iterator[Unfinished]:
    asked: dict[str, Any] = {"Bucket": bucket}
    while True:
        page = tried(lambda: client().list_multipart_uploads(**asked), always=True)  # noqa: B023  called at once
        for each in page.get("Uploads", ()):
            yield Unfinished(bucket, each["Key"], each["UploadId"], each["Initiated"])
        if not page.get("IsTruncated"):
            return
        asked = {**asked, "KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}


def _sent(asked: Mapping[str, str], number: int, data: bytes) -> dict[str, Any]:
    md5 = base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
    answer = tried(lambda: client().upload_part(**asked, PartNumber=number, Body=data, ContentMD5=md5))
    return {"ETag": answer["ETag"], "PartNumber": number}


def _abort(asked: Mapping[str, str]) -> None:
    try:
        tried(lambda: client().abort_multipart_upload(**asked), always=True)
    except Exception:
        log.warning("parts may be left over", key=asked["Key"], exc_info=True)
