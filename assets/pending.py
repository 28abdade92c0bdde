"""Pictures that came with a form: decoded while it is checked, stored while it is saved.

A form that is invalid in another field leaves nothing behind, and one that is saved stores its picture in the same
transaction as its row.
"""

from __future__ import annotations

import hashlib
import threading
import weakref
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.core.signals import request_finished
from django.dispatch import receiver

from assets import masters
from assets.blobs import Incoming, forget_unregistered
from assets.models import Blob, Master
from assets.names import original_name
from assets.uploads import too_large

INCOMING, DISCARD = "_incoming", "_discard"
_written = threading.local()


def pending_master(file: UploadedFile[Any]) -> Master:
    """This will decode an upload in a killable child, and give a master that is stored when its owner is saved.

    Raises what is wrong with the upload.
    """
    master = Master(original_name=original_name(file.name or ""))
    upload = hashed(file)
    # Our own copy goes with the form, whatever becomes of that.
    discard = weakref.finalize(master, upload.close if upload is not file else lambda: None)
    try:
        incoming = masters.inspect_upload(upload)
    except BaseException:
        discard()
        raise
    setattr(master, INCOMING, incoming)
    setattr(master, DISCARD, discard)
    return master


def is_pending(master: Master | None) -> bool:
    return hasattr(master, INCOMING)


def store(master: Master) -> Master:
    """This will make a pending master real, once."""
    incoming: Incoming = getattr(master, INCOMING)
    [created] = masters.create_masters([incoming])
    getattr(master, DISCARD)()
    _blobs_of_this_request().append(created.blob)
    return created


def hashed(file: UploadedFile[Any]) -> TemporaryUploadedFile:
    """This will give an upload as our own handler makes it, whatever handler has taken it."""
    if isinstance(file, TemporaryUploadedFile) and hasattr(file, "digest"):
        return file
    if (file.size or 0) > settings.CONFIG.upload_max_bytes:
        raise too_large()
    # Named as our handler names it: Django takes an extension over, and a long one is too long for the disk.
    upload = TemporaryUploadedFile(f"{original_name(file.name or '')}.upload", "", file.size or 0, None)
    sha256 = hashlib.sha256()
    for chunk in file.chunks():
        sha256.update(chunk)
        upload.write(chunk)
    upload.flush()
    upload.digest = sha256.hexdigest()  # type: ignore[attr-defined]
    return upload


def _blobs_of_this_request() -> list[Blob]:
    if not hasattr(_written, "blobs"):
        _written.blobs = []
    blobs: list[Blob] = _written.blobs
    return blobs


@receiver(request_finished)
def _forget_rolled_back(**_: Any) -> None:
    """What takes the rows back (a transaction around the view) does not take the files back."""
    if blobs := _blobs_of_this_request():
        forget_unregistered(blobs)
        blobs.clear()
