"""One job of the compatible API: copies of a master, each of which becomes a master itself.

The source is decoded once for all of them. A copy is stored in the transaction in which the ledger is told of it, so
there is one of each, whatever becomes of the worker in between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings

from assets.blobs import Incoming, blob_source, source_info
from assets.children import limits, render_pool
from assets.download import EXTENSIONS
from assets.masters import create_masters, inspect_upload, known_master
from assets.models import Master
from assets.uploads import upload_from_bytes
from delivery.receipt_document import document
from jobs.claim import Claim
from jobs.compat.asked import read_option
from jobs.errors import Reject
from jobs.kinds import kind
from jobs.running import FINAL
from pipeline.admission import Weight
from pipeline.errors import ImgoptError
from pipeline.export import export_request, output_format
from pipeline.pool import MOST_LIMITS
from pipeline.receipt import receipt_of
from pipeline.rendition import Rendition
from pipeline.request import RenderRequest
from pipeline.source import SourceInfo
from pipeline.targets import TARGETS

KIND = "transform"
MAX_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Failed:
    task: Mapping[str, Any]
    error: ImgoptError


@kind(KIND, queue="renders", max_attempts=MAX_ATTEMPTS, is_told=True)
def transform(claim: Claim) -> None:
    """This will make what the job's tasks still lack. If one cannot be made the job fails, and the others stay."""
    master = known_master(claim.payload["master"])
    made = claim.result.get("variants", {})
    tasks = [task for task in claim.payload["tasks"] if task["id"] not in made]
    outcomes = list(zip(tasks, _copies(master, tasks), strict=True))
    claim.check()
    with ExitStack() as files:
        incoming, failed = _stored(master, outcomes, files)
        if incoming:
            receipts = {
                task["id"]: document(receipt_of(outcome))
                for task, outcome in outcomes
                if task["id"] in incoming and isinstance(outcome, Rendition)
            }
            create_masters(
                list(incoming.values()),
                names=[master.original_name] * len(incoming),
                beside=lambda created: _tell(claim, receipts, created, is_all=not failed),
            )
    if failed:
        raise _reason(claim, failed)


def _copies(master: Master, tasks: Sequence[Mapping[str, Any]]) -> list[Rendition | ImgoptError]:
    info = source_info(master.blob)
    requests = [_request(info, task["options"]) for task in tasks]
    return render_pool().render_many(
        blob_source(master.blob),
        requests,
        weight=_weight(info, requests),
        label=master.blob.digest,
        measure=True,
        # For each option as long as for many: AutoQuality takes 31 s for an AVIF of 12 megapixels.
        timeout_seconds=settings.CONFIG.render_timeout_seconds * MOST_LIMITS,
    )


def _request(info: SourceInfo, said: Mapping[str, Any]) -> RenderRequest:
    """Without a quality AutoQuality finds one; a PNG stays lossless, for nobody said that it may be otherwise."""
    option = read_option(dict(said))
    kind = output_format(info, option.format)
    return export_request(
        info,
        format=kind,
        max_dimension=option.max_dimension,
        quality=option.quality or (None if kind == "png" else TARGETS["good"]),
        keep_metadata=option.keep_metadata,
        limits=limits(),
    )


def _weight(info: SourceInfo, requests: Sequence[RenderRequest]) -> Weight:
    moves = info.is_animated and any(request.format == "webp" for request in requests)
    return Weight.of(info if moves else replace(info, pages=1))


def _stored(
    master: Master, outcomes: Sequence[tuple[Mapping[str, Any], Rendition | ImgoptError]], files: ExitStack
) -> tuple[dict[str, Incoming], list[Failed]]:
    """This will put the copies into temporary files and look at them as at any upload, by their task's id."""
    incoming: dict[str, Incoming] = {}
    failed: list[Failed] = []
    for task, outcome in outcomes:
        try:
            if isinstance(outcome, ImgoptError):
                raise outcome
            name = f"{master.original_name}.{EXTENSIONS.get(outcome.format, outcome.format)}"
            upload = files.enter_context(upload_from_bytes(outcome.body, name))
            incoming[task["id"]] = inspect_upload(upload)
        except ImgoptError as error:
            failed.append(Failed(task, error))
    return incoming, failed


def _tell(claim: Claim, receipts: Mapping[str, dict[str, Any]], created: Sequence[Master], *, is_all: bool) -> None:
    """This will note the copies and their receipts, by the tasks they were made for, in the order of the receipts."""
    new = {task_id: str(master.id) for task_id, master in zip(receipts, created, strict=True)}
    made = {**claim.result.get("variants", {}), **new}
    told = {**claim.result.get("receipts", {}), **receipts}
    share = len(made) / len(claim.payload["tasks"])
    result = {"variants": made, "receipts": told}
    with claim.finishing(**result) if is_all else claim.saving(progress=share, **result):
        pass


def _reason(claim: Claim, failed: Sequence[Failed]) -> ImgoptError:
    """What may go better next time goes before what cannot: the job is tried again for it."""
    one = next((one for one in failed if one.error.code not in FINAL), failed[0])
    tasks = [task["id"] for task in claim.payload["tasks"]]
    if one.error.code not in FINAL or len(tasks) == 1:
        return one.error
    reason = Reject(f"Option {tasks.index(one.task['id']) + 1} of {len(tasks)}: {one.error.message}")
    reason.__cause__ = one.error
    return reason
