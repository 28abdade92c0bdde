"""Placeholders of blobs, made where an upload has not made them."""

from __future__ import annotations

from assets.blobs import blob_source, placeholder_fields
from assets.children import render_pool
from assets.models import Blob


def placeholder_of(blob: Blob) -> Blob:
    """This will give a blob with its placeholder; for one stored before there were any it is made now, and kept.

    Two that do so at once make the same. Raises what an inspection raises, and `StorageUnavailable`.
    """
    if not blob.placeholder:
        fields = placeholder_fields(render_pool().inspect(blob_source(blob)))
        Blob.objects.filter(id=blob.id).update(**fields)
        for name, value in fields.items():
            setattr(blob, name, value)
    return blob
