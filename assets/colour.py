"""How much a master depends on its colour profile, found out in a render child each time it is asked for."""

from __future__ import annotations

import hashlib
from typing import Any

from assets.blobs import blob_source, source_info
from assets.children import limits, render_pool
from assets.models import Blob
from pipeline import child
from pipeline.colour_report import VERSION, View, looking_mb
from pipeline.version import fingerprint


def colours_of(blob: Blob) -> dict[str, Any]:
    """This will measure a blob's colours and give them in plain values, called as the REST API calls them.

    Raises what a render raises, and `StorageUnavailable`.
    """
    info, found = render_pool().run(
        child.colour_task, blob_source(blob), limits(), megabytes=looking_mb(source_info(blob))
    )
    gamut = found.gamut
    return {
        "verdict": found.verdict,
        "profile": info.profile,
        "colourSpace": info.colour_space,
        "gamut": None if gamut is None else {"name": gamut.name, "area": round(gamut.area, 4)},
        "outsideSrgb": round(found.outside_srgb, 6),
        "ignored": {name: round(value, 4) for name, value in found.ignored.items()},
    }


def view_of(blob: Blob, view: View) -> bytes:
    """This will draw one of the pictures, as a PNG; raises as `colours_of` does."""
    weight = looking_mb(source_info(blob))
    return render_pool().run(child.colour_view_task, blob_source(blob), limits(), view, megabytes=weight)


def etag_of(blob: Blob, name: str) -> str:
    """This will name what would be answered, without making it."""
    said = f"{blob.digest}/{VERSION}/{fingerprint()}/{name}"
    return f'"{hashlib.sha256(said.encode()).hexdigest()[:32]}"'
