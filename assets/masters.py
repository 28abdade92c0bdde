"""What can be done with masters. Views, commands and the admin only translate into these calls."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from assets.blobs import Incoming, release, with_blobs
from assets.children import render_pool
from assets.errors import KeyTaken, MasterNotFound
from assets.models import Blob, Master, Tag
from assets.names import ID, KEY, original_name
from assets.signals import master_changed
from pipeline.errors import BadParameter


def find_master(reference: str) -> Master | None:
    """This will look a master up by its id or its key."""
    found = Master.objects.select_related("blob")
    if ID.fullmatch(reference):
        return found.filter(id=uuid.UUID(reference)).first()
    if not KEY.fullmatch(reference):  # PostgreSQL takes no NUL, and nothing else here can be a key either
        return None
    return found.filter(key=reference).first()


def get_master(reference: str) -> Master:
    master = find_master(reference)
    if master is None:
        raise MasterNotFound
    return master


def inspect_upload(upload: TemporaryUploadedFile) -> Incoming:
    """This will decode an upload in a killable child, or raise what is wrong with it."""
    upload.flush()
    return Incoming(upload, render_pool().inspect(upload.temporary_file_path()))


def create_masters(incoming: Sequence[Incoming], *, keys: Sequence[str | None] = ()) -> list[Master]:
    """This will turn uploads into masters, all of them or none."""

    def create(blobs: list[Blob]) -> list[Master]:
        return [
            _create_master(blob, one.upload.name or "", key)
            for blob, one, key in zip(blobs, incoming, keys or [None] * len(blobs), strict=True)
        ]

    return with_blobs(incoming, create)


def replace_master(master: Master, incoming: Incoming) -> Master:
    """This will give a master other bytes and a higher revision; its id, key, tags and focal point stay."""

    def replace(blobs: list[Blob]) -> None:
        [kept] = blobs
        old = _locked(master).blob
        Master.objects.filter(id=master.id).update(
            blob=kept,
            revision=F("revision") + 1,
            original_name=original_name(incoming.upload.name or ""),
            updated_at=timezone.now(),
        )
        release(old)
        _announce(master.id, [old.digest])

    with_blobs([incoming], replace)
    return get_master(str(master.id))


def change_master(master: Master, changes: dict[str, Any]) -> Master:
    """This will change `original_name`, `key`, `focal_x`, `focal_y` or `tags`.

    A moved focal point raises the revision, for it changes what crops look like.
    """
    changes = dict(changes)
    tags: list[str] | None = changes.pop("tags", None)
    with transaction.atomic():
        current = _locked(master)
        moved = any(name in changes and changes[name] != getattr(current, name) for name in ("focal_x", "focal_y"))
        for name, value in changes.items():
            setattr(current, name, value)
        _check(current)
        raised = {"revision": F("revision") + 1} if moved else {}
        try:
            with transaction.atomic():
                Master.objects.filter(id=master.id).update(**changes, **raised, updated_at=timezone.now())
        except IntegrityError as error:
            raise KeyTaken(f"Another master has the key {current.key!r}.") from error
        if tags is not None:
            current.tags.set([Tag.objects.get_or_create(name=name)[0] for name in tags])
        _announce(master.id, [current.blob.digest] if moved else [])
    return get_master(str(master.id))


def delete_master(master: Master) -> None:
    """This will delete a master, and its blob if it was the last master of these bytes."""
    with transaction.atomic():
        blob = _locked(master).blob
        Master.objects.filter(id=master.id).delete()
        release(blob)
        _announce(master.id, [blob.digest])


def _create_master(blob: Blob, file_name: str, key: str | None) -> Master:
    master = Master(blob=blob, original_name=original_name(file_name), key=key or None)
    _check(master)
    try:
        with transaction.atomic():
            master.save(force_insert=True)
    except IntegrityError as error:
        raise KeyTaken(f"Another master has the key {key!r}.") from error
    return master


def _check(master: Master) -> None:
    try:
        master.clean_fields(exclude=["blob"])
    except ValidationError as error:
        raise BadParameter(error.messages[0]) from error
    if (master.focal_x is None) != (master.focal_y is None):
        raise BadParameter("Expected both focalX and focalY, or neither.")


def _locked(master: Master) -> Master:
    """This will read a master anew and lock it until the transaction ends."""
    current = Master.objects.select_for_update(of=("self",)).select_related("blob").filter(id=master.id).first()
    if current is None:
        raise MasterNotFound
    return current


def _announce(master_id: uuid.UUID, digests: list[str]) -> None:
    def send() -> None:
        master_changed.send(sender=Master, master_id=master_id, digests=digests)

    transaction.on_commit(send)
