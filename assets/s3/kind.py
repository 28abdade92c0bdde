"""Whether a storage is ours on S3, without loading boto3 (0.3 s, 20 MB) where nothing is."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeGuard

if TYPE_CHECKING:
    from assets.s3.storage import SharedS3Storage


def is_s3(storage: object) -> TypeGuard[SharedS3Storage]:
    """Whoever is one has loaded its module."""
    module = sys.modules.get("assets.s3.storage")
    return module is not None and isinstance(storage, module.SharedS3Storage)
