"""What would be wrong with the buckets, said before anything is served."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register
def check_buckets(**_: Any) -> list[CheckMessage]:
    """Rules of a lifecycle are a bucket's: one that lets variants go after some days would let masters go."""
    config = settings.CONFIG
    if config.storage != "s3" or config.masters_bucket != config.variants_bucket:
        return []
    return [
        Error(
            f"Masters and variants are to lie in one bucket, {config.masters_bucket!r}.",
            hint="Set IMGOPT_MASTERS_BUCKET and IMGOPT_VARIANTS_BUCKET to the names of two.",
            id="assets.E003",
        )
    ]
