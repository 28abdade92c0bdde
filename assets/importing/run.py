"""Importing: each picture is brought here, decoded strictly and made a master, or refused with a reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import structlog
from django.core.exceptions import ValidationError

from assets import masters
from assets.errors import KeyTaken
from assets.importing.report import Outcome, Tally
from assets.importing.sources import Item, Source
from assets.models import Master
from assets.names import is_origin_path, key_from_path, origin_reference, original_name, validate_key
from assets.origins.errors import OriginNotFound
from assets.origins.opened import take
from pipeline.errors import BadParameter, ImgoptError

log = structlog.get_logger("assets.importing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """How pictures are imported."""

    has_keys: bool = True
    key_prefix: str = ""
    tags: tuple[str, ...] = ()
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    item: Item
    key: str | None
    refusal: ImgoptError | None = None


def jobs_of(source: Source, wishes: Wishes, done: set[str]) -> Iterator[Job]:
    """This will give each item its key. Of two that would have the same one, the first in order has it; those that
    were done in an earlier run keep theirs."""
    taken: dict[str, str] = {}
    for item in source.items:
        key, refusal = None, None
        if wishes.has_keys and not source.origin:
            key = key_from_path(item.path, wishes.key_prefix)
            first = taken.setdefault(key, item.path)
            if first != item.path:
                refusal = KeyTaken(f"{first!r} of this import has the key {key!r}.")
        if item.identity not in done:
            yield Job(item, key, refusal)


class Import:
    """Does one job after the other; its `do` may be called by several threads."""

    def __init__(self, source: Source, wishes: Wishes, tally: Tally) -> None:
        self._source, self._wishes, self._tally = source, wishes, tally

    def do(self, job: Job) -> Outcome:
        """This will never raise what is wrong with a picture, for the others have nothing to do with it."""
        try:
            if job.refusal is not None:
                raise job.refusal
            outcome = self._in_place(job.item) if self._source.origin else self._copied(job)
        except ImgoptError as error:
            outcome = Outcome(path=job.item.shown, result="refused", code=error.code, reason=error.message)
        except Exception:
            log.exception("not imported", path=job.item.shown)
            outcome = Outcome(
                path=job.item.shown, result="refused", code="internal_error", reason="A fault of ours; the log has it."
            )
        self._tally.add(job.item, outcome)
        return outcome

    def _copied(self, job: Job) -> Outcome:
        if job.key is not None:
            _check_key(job.key)
        arrived = take(job.item.place, job.item.path, {})
        if arrived is None:
            raise OriginNotFound("There is no picture there.")
        with arrived.upload as upload:
            name = original_name(job.item.path)
            outcome = Outcome(path=job.item.shown, result="imported", byte_size=upload.size or 0)
            known = _known(job.key, name, arrived.digest)
            if known is not None:
                if known.blob.digest != arrived.digest:
                    raise KeyTaken(f"A master with other bytes has the key {job.key!r}.")
                return self._tagged(known, replace(outcome, result="present"))
            incoming = masters.inspect_upload(upload)
            if self._wishes.dry_run:
                return replace(outcome, reference=job.key or "")
            [master] = masters.create_masters([incoming], keys=[job.key])
            return self._tagged(master, outcome)

    def _in_place(self, item: Item) -> Outcome:
        path = self._source.below + item.path
        if not is_origin_path(path):
            raise BadParameter("Expected a path of at most 512 bytes of printable text.")
        reference = origin_reference(self._source.origin, path)
        outcome = Outcome(path=item.shown, result="imported", reference=reference)
        known = masters.find_master(reference)
        if known is not None:
            return self._tagged(known, replace(outcome, result="present", byte_size=known.blob.byte_size))
        if not self._wishes.dry_run:
            master = masters.get_master(reference)
            return self._tagged(master, replace(outcome, byte_size=master.blob.byte_size))
        arrived = take(item.place, item.path, {})
        if arrived is None:
            raise OriginNotFound("There is no picture there.")
        with arrived.upload as upload:
            masters.inspect_upload(upload)
            return replace(outcome, byte_size=upload.size or 0)

    def _tagged(self, master: Master, outcome: Outcome) -> Outcome:
        if self._wishes.tags and not self._wishes.dry_run:
            masters.add_tags(master, self._wishes.tags)
        return replace(outcome, reference=master.reference)


def _known(key: str | None, name: str, digest: str) -> Master | None:
    """This will find what an earlier import made: by its key, or where there are none by its name and bytes."""
    found = Master.objects.select_related("blob")
    if key is not None:
        return found.filter(key=key).first()
    return found.filter(key=None, origin="", original_name=name, blob__digest=digest).first()


def _check_key(key: str) -> None:
    try:
        validate_key(key)
    except ValidationError as error:
        raise BadParameter(error.messages[0]) from error
