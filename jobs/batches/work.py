"""One item of a batch: the variants of one master."""

from __future__ import annotations

from typing import Any

from assets.errors import MasterNotFound
from assets.masters import known_master
from assets.models import Master
from delivery.receipt_document import document
from delivery.together import render_together
from jobs.batches.plan import Wanted, plan
from jobs.batches.spec import BatchSpec
from jobs.claim import Claim
from jobs.errors import Reject
from jobs.kinds import kind
from pipeline.errors import ImgoptError
from pipeline.receipt import receipt_of
from pipeline.rendition import Rendition

KIND = "ladder"


@kind(KIND, queue="renders")
def render_ladder(claim: Claim) -> None:
    """This will render what the batch asks of one master; what fails is told variant by variant."""
    master = _master(claim.payload["master"])
    said = claim.payload["spec"]
    spec = BatchSpec(params=said["params"], widths=tuple(said["widths"]), formats=tuple(said["formats"]))
    wanted = plan(master, spec)
    made = render_together([one.request for one in wanted], is_current=lambda: _is_current(master))
    claim.check()
    variants = [_told(one, rendition) for one, rendition in zip(wanted, made, strict=True)]
    failed = [one for one in variants if "error" in one]
    if len(failed) == len(variants):
        raise Reject(failed[0]["error"])
    with claim.finishing(
        reference=master.reference,
        revision=master.revision,
        masterBytes=master.blob.byte_size,
        variants=variants,
    ):
        pass


def _master(master_id: str) -> Master:
    try:
        return known_master(master_id)
    except MasterNotFound as error:
        raise Reject(error.message) from error


def _is_current(master: Master) -> bool:
    return Master.objects.filter(id=master.id, blob_id=master.blob_id, revision=master.revision).exists()


def _told(wanted: Wanted, made: Rendition | ImgoptError) -> dict[str, Any]:
    if not isinstance(made, Rendition):
        return {"params": wanted.params, "format": wanted.request.render.format, "error": made.message}
    return {
        "params": wanted.params,
        "format": made.format,
        "width": made.width,
        "height": made.height,
        "byteSize": len(made.body),
        "quality": made.quality,
        "passthrough": made.passthrough,
        "scores": None if made.scores is None else made.scores.as_dict(),
        "receipt": document(receipt_of(made)),
    }
