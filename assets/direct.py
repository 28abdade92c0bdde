"""Direct uploads: a client sends its picture straight to S3, and says so; only then, and only if it is a picture by
the same rules as any upload, does it become a master.

Nothing is written down here meanwhile: what is offered stands in the signature, and what came in the bucket. The id is
that of the master to be, so an upload that is completed twice is completed once.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.conf import settings
from django.utils import timezone

from assets import masters
from assets.connections import give_back
from assets.errors import KeyTaken, MasterNotFound, NoDirectUploads, StorageUnavailable, UploadTooLarge
from assets.models import Master, new_id
from assets.origins.bucket import BucketPlace
from assets.origins.errors import OriginNotFound, OriginTimeout, OriginTooLarge, OriginUnavailable
from assets.origins.opened import Arrived, take
from assets.s3.attempts import tried
from assets.s3.client import client, presigner
from assets.s3.setup import INCOMING
from assets.uploads import too_large
from pipeline.errors import DamagedImage, ImageTooLarge, UnsupportedFormat

log = structlog.get_logger("assets.direct")

OFFERED_FOR: Final = timedelta(minutes=15)
ASKED_AGAIN_FOR: Final = timedelta(days=1)
"""So long a master is given to whoever completes its upload again: as long as what is uploaded may lie there."""
FETCH_SECONDS: Final = 60.0
HOPELESS: Final = (UnsupportedFormat, DamagedImage, ImageTooLarge, UploadTooLarge)
"""What will not be otherwise when it is tried again, so its bytes need not stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a client needs to upload one picture to S3."""

    id: uuid.UUID
    method: str
    url: str
    form: dict[str, str]
    """Of a `POST`: the form's fields, before its `file`."""
    max_bytes: int
    expires_at: datetime


def offer(byte_size: int | None = None) -> Offer:
    """This will offer a place in S3 for one picture: for a form of any length that an upload may have, or for a `PUT`
    of exactly `byte_size`. S3 itself holds the client to that."""
    _check_possible()
    most = settings.CONFIG.upload_max_bytes
    if byte_size is not None and byte_size > most:
        raise too_large()
    upload = new_id()
    where: dict[str, Any] = {"Bucket": settings.CONFIG.masters_bucket, "Key": _key(upload)}
    seconds = int(OFFERED_FOR.total_seconds())
    expires_at = timezone.now() + OFFERED_FOR
    if byte_size is None:
        form = presigner().generate_presigned_post(
            **where, Conditions=[["content-length-range", 1, most]], ExpiresIn=seconds
        )
        return Offer(
            id=upload, method="POST", url=form["url"], form=form["fields"], max_bytes=most, expires_at=expires_at
        )
    url = presigner().generate_presigned_url(
        "put_object", Params={**where, "ContentLength": byte_size}, ExpiresIn=seconds
    )
    return Offer(id=upload, method="PUT", url=url, form={}, max_bytes=byte_size, expires_at=expires_at)


def complete(upload: uuid.UUID, *, name: str = "unknown", key: str | None = None, tags: Sequence[str] = ()) -> Master:
    """This will make a master of what came, or give the one that was made of it. `MasterNotFound`: nothing came."""
    _check_possible()
    if known := _made(upload):
        return known
    give_back()
    try:
        with _arrived(upload) as arrived, arrived.upload:
            # Stored from the bytes that were looked at: those in the bucket are the client's to change still.
            [master] = masters.create_masters(
                [masters.inspect_upload(arrived.upload)],
                keys=[key],
                names=[name],
                ids=[upload],
                beside=lambda created: masters.add_tags(created[0], tags),
            )
    except KeyTaken:
        if known := _made(upload):  # by another request at this moment
            return known
        raise
    except HOPELESS:
        _remove(upload)
        raise
    _remove(upload)
    return master


@contextmanager
def _arrived(upload: uuid.UUID) -> Iterator[Arrived]:
    config = settings.CONFIG
    place = BucketPlace(
        bucket=config.masters_bucket,
        prefix=INCOMING,
        max_bytes=config.upload_max_bytes,
        timeout_seconds=FETCH_SECONDS,
    )
    try:
        arrived = take(place, str(upload), {})
    except OriginNotFound as error:
        raise MasterNotFound(
            "Nothing was uploaded there, or it was too long ago: upload the picture before you complete it."
        ) from error
    except OriginTooLarge as error:
        raise too_large() from error
    except (OriginUnavailable, OriginTimeout) as error:
        raise StorageUnavailable("The upload cannot be read at the moment.") from error
    assert arrived is not None  # noqa: S101  only of what is known already is there nothing new
    yield arrived


def _check_possible() -> None:
    if settings.CONFIG.storage != "s3":
        raise NoDirectUploads(
            "Expected masters on S3 (IMGOPT_STORAGE=s3), they are on this service's disk: upload to /api/v1/images."
        )


def _made(upload: uuid.UUID) -> Master | None:
    """Only of these days: ids of masters are public, and who may only upload may not ask for all there are."""
    since = timezone.now() - ASKED_AGAIN_FOR
    return Master.objects.select_related("blob").filter(id=upload, created_at__gte=since).first()


def _key(upload: uuid.UUID) -> str:
    return f"{INCOMING}{upload}"


def _remove(upload: uuid.UUID) -> None:
    """What cannot be removed now, the lifecycle and `prune` remove; it stands in the way of nothing."""
    try:
        bucket = settings.CONFIG.masters_bucket
        tried(lambda: client().delete_object(Bucket=bucket, Key=_key(upload)), always=True)
    except Exception:
        log.warning("upload left over", upload=str(upload), exc_info=True)
