"""The masters of origins: fetched when they are first asked for, and kept as their origin has them."""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from assets.blobs import Incoming, release, with_blobs
from assets.children import render_pool
from assets.flight import SingleFlight
from assets.locks.current import shared_locks
from assets.models import Blob, Master
from assets.names import original_name
from assets.origins.absent import ABSENT
from assets.origins.errors import OriginNotFound
from assets.origins.opened import Arrived, Place, Said, take
from assets.origins.places import place_of
from assets.revisions import settle
from assets.signals import announce
from pipeline.errors import Busy, ImgoptError

log = structlog.get_logger("assets.origins")

RETRY_AFTER = timedelta(seconds=30)
"""Who asks an origin has so long to say what came of it, then somebody else asks."""
MAX_FETCHES = 32
"""At once in a process, so that an origin which hangs does not take all of its threads."""

_places_left = threading.BoundedSemaphore(MAX_FETCHES)


def first_master(origin: str, path: str) -> Master:
    """This will fetch a picture that is not known yet and make a master of it; one call at a time does so."""
    place = place_of(origin)
    ABSENT.check(origin, path)
    key = hashlib.sha256(f"origin\n{origin}\n{path}".encode()).hexdigest()
    return _flight(settings.IMGOPT_DATA_DIR / "locks").run(key, lambda: _fetched(place, origin, path))


def recent_master(master: Master) -> Master:
    """This will give a master of an origin as it was there a while ago at most, by asking the origin if need be.

    One caller asks; the others, and all of them while the origin is down, have what is known.
    """
    place = place_of(master.origin)
    now = timezone.now()
    if master.recheck_at is not None and now >= master.recheck_at and _claim(master, now):
        try:
            master = _rechecked(place, master, now)
        except ImgoptError as error:
            if isinstance(error, OriginNotFound):
                _note_gone(master)
            elif master.checked_at is not None:
                log.warning("origin not heard, the known master stays", **_named(master), reason=error.message)
                return master
            raise
    if master.checked_at is None:
        raise OriginNotFound("The origin has no picture there any more.")
    return master


@cache
def _flight(folder: Path) -> SingleFlight[Master]:
    config = settings.CONFIG
    wait_seconds = config.origins_timeout_seconds + config.render_timeout_seconds
    return SingleFlight(folder, wait_seconds=wait_seconds, shared=shared_locks())


def _fetched(place: Place, origin: str, path: str) -> Master:
    known = _find(origin, path)
    if known is not None:  # another process was first
        return known
    try:
        with _arriving(place, path, {}) as arrived:
            if arrived is None:
                raise OriginNotFound("The origin has no picture there.")
            incoming = _inspected(place, arrived)
            return with_blobs([incoming], lambda blobs: _create(blobs[0], origin, path, arrived.said))
    except IntegrityError:  # another machine was first
        known = _find(origin, path)
        if known is None:
            raise
        return known
    except ImgoptError as error:
        ABSENT.note(origin, path, error)
        raise


def _rechecked(place: Place, master: Master, now: datetime) -> Master:
    said = master.origin_said if master.checked_at is not None else {}
    with _arriving(place, master.origin_path, said) as arrived:
        if arrived is None or arrived.digest == master.blob.digest:
            answered = {} if arrived is None else {"origin_said": arrived.said}
            Master.objects.filter(id=master.id).update(checked_at=now, recheck_at=_next(now), **answered)
        else:
            incoming = _inspected(place, arrived)
            with_blobs([incoming], lambda blobs: _replace(master.id, blobs[0], arrived.said))
            log.info("origin has another picture", **_named(master))
    known = _find(master.origin, master.origin_path)
    if known is None:  # deleted meanwhile
        raise OriginNotFound("The picture was deleted at this moment.")
    return known


@contextmanager
def _arriving(place: Place, path: str, known: Said) -> Iterator[Arrived | None]:
    """This will hold one of the places for fetches while a picture comes and is looked at."""
    if not _places_left.acquire(blocking=False):
        raise Busy("Too many pictures are being fetched from origins: try again.")
    try:
        arrived = take(place, path, known)
        try:
            yield arrived
        finally:
            if arrived is not None:
                arrived.upload.close()
    finally:
        _places_left.release()


def _inspected(place: Place, arrived: Arrived) -> Incoming:
    info = render_pool().inspect(arrived.upload.temporary_file_path())
    return Incoming(arrived.upload, info, is_copied=not place.in_place)


def _create(blob: Blob, origin: str, path: str, said: Said) -> Master:
    now = timezone.now()
    master = Master(
        blob=blob,
        original_name=original_name(path),
        origin=origin,
        origin_path=path,
        origin_said=said,
        checked_at=now,
        recheck_at=_next(now),
    )
    master.save(force_insert=True)
    settle(master, master.at_origin)
    return master


def _replace(master_id: uuid.UUID, blob: Blob, said: Said) -> None:
    """Somebody may have deleted the master meanwhile; then there is nothing to replace, and the blob goes again."""
    now = timezone.now()
    current = Master.objects.select_for_update(of=("self",)).select_related("blob").filter(id=master_id).first()
    if current is None:
        release(blob)
        return
    Master.objects.filter(id=master_id).update(
        blob=blob,
        revision=F("revision") + 1,
        origin_said=said,
        checked_at=now,
        recheck_at=_next(now),
        updated_at=now,
    )
    release(current.blob)
    announce(master_id, [current.blob.digest])


def _note_gone(master: Master) -> None:
    """What is gone at its origin is shown no more; its tags and focal point stay, for it may come back."""
    with transaction.atomic():
        if Master.objects.filter(id=master.id, checked_at__isnull=False).update(checked_at=None, origin_said={}):
            announce(master.id, [master.blob.digest])
            log.warning("origin has the picture no more", **_named(master))


def _claim(master: Master, now: datetime) -> bool:
    """Whether it is this caller who asks the origin; who loses has what is known."""
    due = Master.objects.filter(id=master.id, recheck_at=master.recheck_at)
    master.recheck_at = now + RETRY_AFTER  # for who wins and who loses: until then nothing new is to be heard
    return due.update(recheck_at=master.recheck_at) == 1


def _next(now: datetime) -> datetime:
    return now + timedelta(seconds=settings.CONFIG.origins_max_age_seconds)


def _find(origin: str, path: str) -> Master | None:
    return Master.objects.select_related("blob").filter(origin=origin, origin_path=path).first()


def _named(master: Master) -> dict[str, str]:
    return {"origin": master.origin, "path": master.origin_path}
