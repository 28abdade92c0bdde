"""What can be done with masters. Views, commands and the admin only translate into these calls."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from assets.blobs import Incoming, release, with_blobs
from assets.children import render_pool
from assets.connections import give_back
from assets.errors import KeyTaken, MasterNotFound
from assets.models import Blob, Master, Tag, new_id
from assets.names import ID, KEY, original_name, split_origin_reference
from assets.origins.current import first_master, recent_master
from assets.revisions import retire, settle
from assets.signals import announce
from pipeline.errors import BadParameter


def find_master(reference: str) -> Master | None:
    """This will look a master up by its id, its key, or its origin and path there; the origin is not asked."""
    found = Master.objects.select_related("blob")
    if at_origin := split_origin_reference(reference):
        return found.filter(origin=at_origin[0], origin_path=at_origin[1]).first()
    if ID.fullmatch(reference):
        return found.filter(id=uuid.UUID(reference)).first()
    if not KEY.fullmatch(reference):  # PostgreSQL takes no NUL, and nothing else here can be a key either
        return None
    return found.filter(key=reference).first()


def known_master(reference: str) -> Master:
    """This will give a master as the database has it, or raise `MasterNotFound`; the origin is not asked."""
    master = find_master(reference)
    if master is None:
        raise MasterNotFound
    return master


def get_master(reference: str) -> Master:
    """This will give a master to be shown: one of an origin is fetched if it is new, and asked about if it is old."""
    master = find_master(reference)
    if master is None:
        at_origin = split_origin_reference(reference)
        if at_origin is None:
            raise MasterNotFound
        return first_master(*at_origin)
    return recent_master(master) if master.origin else master


def inspect_upload(upload: TemporaryUploadedFile) -> Incoming:
    """This will decode an upload in a killable child, or raise what is wrong with it."""
    upload.flush()
    give_back()
    return Incoming(upload, render_pool().inspect(upload.temporary_file_path()))


def create_masters(
    incoming: Sequence[Incoming],
    *,
    keys: Sequence[str | None] = (),
    names: Sequence[str] = (),
    ids: Sequence[uuid.UUID] = (),
    beside: Callable[[list[Master]], None] | None = None,
) -> list[Master]:
    """This will turn uploads into masters, all of them or none.

    They are called as their files are, or by `names`, and have new ids, or `ids`. What `beside` writes is written with
    them, or neither is.
    """
    names = names or [original_name(one.upload.name or "") for one in incoming]

    def create(blobs: list[Blob]) -> list[Master]:
        rows = zip(blobs, names, keys or [None] * len(blobs), ids or [new_id() for _ in blobs], strict=True)
        created = [_create_master(blob, name, key, master_id) for blob, name, key, master_id in rows]
        if beside is not None:
            beside(created)
        return created

    return with_blobs(incoming, create)


def replace_master(master: Master, incoming: Incoming) -> Master:
    """This will give a master other bytes and a higher revision; its id, key, tags and focal point stay."""
    if master.origin:
        raise BadParameter(f"Expected an uploaded master to replace, received one of the origin {master.origin!r}.")

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
        announce(master.id, [old.digest])

    with_blobs([incoming], replace)
    return known_master(str(master.id))


def change_master(master: Master, changes: dict[str, Any]) -> Master:
    """This will change `original_name`, `key`, `focal_x`, `focal_y` or `tags`.

    A moved focal point raises the revision, for it changes what crops look like; another key goes on above the
    revisions that it has had.
    """
    changes = dict(changes)
    tags: list[str] | None = changes.pop("tags", None)
    with transaction.atomic():
        current = _locked(master)
        moved = any(name in changes and changes[name] != getattr(current, name) for name in ("focal_x", "focal_y"))
        is_renamed = changes.get("key", current.key) != current.key
        if is_renamed:
            retire(current)
        for name, value in changes.items():
            setattr(current, name, value)
        _check(current)
        current.revision += moved
        try:
            with transaction.atomic():
                Master.objects.filter(id=master.id).update(
                    **changes, revision=current.revision, updated_at=timezone.now()
                )
        except IntegrityError as error:
            raise KeyTaken(f"Another master has the key {current.key!r}.") from error
        if is_renamed:
            settle(current, current.key)
        if tags is not None:
            current.tags.set([Tag.objects.get_or_create(name=name)[0] for name in tags])
        announce(master.id, [current.blob.digest] if moved else [])
    return known_master(str(master.id))


def add_tags(master: Master, tags: Sequence[str]) -> None:
    """This will add tags to those that a master has."""
    master.tags.add(*[Tag.objects.get_or_create(name=name)[0] for name in tags])


def delete_master(master: Master) -> None:
    """This will delete a master, and its blob if it was the last master of these bytes."""
    with transaction.atomic():
        current = _locked(master)
        retire(current)
        Master.objects.filter(id=master.id).delete()
        release(current.blob)
        announce(master.id, [current.blob.digest])


def _create_master(blob: Blob, name: str, key: str | None, master_id: uuid.UUID) -> Master:
    master = Master(id=master_id, blob=blob, original_name=name, key=key or None)
    _check(master)
    try:
        with transaction.atomic():
            master.save(force_insert=True)
    except IntegrityError as error:
        raise KeyTaken(f"Another master has the key {key!r}.") from error
    settle(master, master.key)
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
