"""The manifest of a batch: what was made of each master, with bytes saved and scores, as JSON or CSV.

Both are written while the rows are read: the manifest of a library has hundreds of megabytes.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from django.db.models import QuerySet
from django.http import Http404, StreamingHttpResponse

from assets.models import Master
from delivery.publish import signed_url
from jobs.models import Batch, Job, State
from pipeline.errors import ImgoptError

AT_ONCE: Final = 200
STATUSES: Final = {
    State.WAITING: "pending",
    State.RUNNING: "processing",
    State.DONE: "completed",
    State.FAILED: "failed",
    State.CANCELLED: "cancelled",
}
SCORES: Final = {
    "ssim": "ssim",
    "worstTile": "worst_tile",
    "psnr": "psnr",
    "rmse": "rmse",
    "deltaE": "delta_e_mean",
    "deltaE95": "delta_e_p95",
    "deltaE99": "delta_e_p99",
    "chromaDeltaE": "chroma_delta_e",
}
"""The manifest's names of what `pipeline.quality` measures."""
COLUMNS: Final = (
    "master", "reference", "status", "error", "format", "width", "height", "quality", "passthrough", "byteSize",
    "masterBytes", "savedBytes", *SCORES, "url",
)  # fmt: skip
"""Of the CSV: a row for each variant, or one for a master of which there is none."""


def file_of(batch: Batch, kind: str) -> StreamingHttpResponse:
    """This will answer with the manifest as a file, `json` or `csv`."""
    if kind not in WRITERS:
        raise Http404
    content_type, write = WRITERS[kind]
    headers = {
        "Content-Disposition": f'attachment; filename="batch-{batch.id}.{kind}"',
        "Cache-Control": "no-store",
    }
    return StreamingHttpResponse(write(batch), content_type=content_type, headers=headers)


def items(jobs: QuerySet[Job]) -> Iterator[dict[str, Any]]:
    """This will tell of each job what was made of its master."""
    last = None
    while True:
        page = jobs.order_by("id") if last is None else jobs.order_by("id").filter(id__gt=last)
        found = list(page[:AT_ONCE])
        if not found:
            return
        last = found[-1].id
        yield from told(found)


def told(jobs: list[Job]) -> list[dict[str, Any]]:
    """This will tell of some jobs; their masters are read in one query."""
    masters = Master.objects.select_related("blob").in_bulk([job.payload["master"] for job in jobs])
    by_id = {str(master_id): master for master_id, master in masters.items()}
    return [_item(job, by_id.get(job.payload["master"])) for job in jobs]


def json_lines(batch: Batch) -> Iterator[str]:
    """This will write the manifest as one JSON document, item by item."""
    head = {"id": str(batch.id), "name": batch.name, "spec": batch.spec}
    yield json.dumps(head)[:-1] + ', "items": ['
    for number, item in enumerate(items(batch.jobs.all())):
        yield (",\n" if number else "\n") + json.dumps(item)
    yield "\n]}\n"


def csv_lines(batch: Batch) -> Iterator[str]:
    """This will write the manifest as CSV (RFC 4180)."""
    writer = csv.writer(_Line())
    yield writer.writerow(COLUMNS)
    for item in items(batch.jobs.all()):
        for row in _rows(item):
            yield writer.writerow([_cell(row.get(column)) for column in COLUMNS])


class _Line:
    """What `csv.writer` writes to; it hands back the text instead of keeping it."""

    def write(self, text: str) -> str:
        return text


def _item(job: Job, master: Master | None) -> dict[str, Any]:
    result = job.result
    return {
        "master": job.payload["master"],
        "reference": result.get("reference") or (master.reference if master else None),
        "status": STATUSES[State(job.state)],
        "error": job.error or None,
        "progress": job.progress,
        "masterBytes": result.get("masterBytes"),
        "variants": [_variant(one, result["masterBytes"], master) for one in result.get("variants", ())],
    }


def _variant(one: dict[str, Any], master_bytes: int, master: Master | None) -> dict[str, Any]:
    scores = one.get("scores") or {}
    size = one.get("byteSize")
    return {
        "params": one["params"],
        **{name: one.get(name) for name in ("format", "width", "height", "quality", "passthrough", "byteSize")},
        "savedBytes": None if size is None else master_bytes - size,
        **{name: scores.get(key) for name, key in SCORES.items()},
        "receipt": one.get("receipt"),
        "error": one.get("error"),
        "url": _url(master, one["params"]),
    }


def _url(master: Master | None, params: dict[str, str]) -> str | None:
    """As of now: a master that was replaced since has another revision, and one that is gone has none."""
    try:
        return None if master is None else signed_url(master, params)
    except ImgoptError:  # a preset or a watermark that is gone
        return None


def _rows(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    common = {name: item[name] for name in ("master", "reference", "status", "error", "masterBytes")}
    for one in item["variants"]:
        yield {**common, **one}
    if not item["variants"]:
        yield common


def _cell(value: Any) -> Any:
    """A spreadsheet would take a text that begins so for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


WRITERS: Final[dict[str, tuple[str, Callable[[Batch], Iterator[str]]]]] = {
    "json": ("application/json", json_lines),
    "csv": ("text/csv; charset=utf-8", csv_lines),
}
