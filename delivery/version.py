"""`pv`: what makes a URL with a preset or a watermark as lasting as one without.

`v` says which revision of the master a URL means. A preset and a watermark may change without the master; so a URL
that names them is kept for ever only if it also carries the version of both, as signing writes it. Another or no
version gives the same picture, for a minute.
"""

from __future__ import annotations

import hashlib

from assets.models import Master
from delivery.presets import Preset


def version_of(preset: Preset | None, mark: Master | None) -> str | None:
    """This will give the version of what a URL shows besides its master; `None` where that is nothing.

    A preset without a watermark has its own version, so whoever signs elsewhere may read it from the REST API.
    """
    if mark is None:
        return preset.version if preset else None
    material = f"{preset.version if preset else ''}\n{mark.blob.digest}"
    return hashlib.sha256(material.encode()).hexdigest()[:8]
