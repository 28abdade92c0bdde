"""The delivery endpoint: what the edge could not answer from memory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from apikeys.admission import admit_ip
from apikeys.errors import RateLimited
from assets.connections import give_back
from assets.errors import StorageUnavailable
from assets.masters import get_master
from assets.models import Master
from delivery import keyring
from delivery.asked import Asked, parse_asked
from delivery.comparing import compared
from delivery.counters import saved_bytes
from delivery.drafts import answer_to
from delivery.entry import Entry
from delivery.hints import Hints, chosen, hints_of
from delivery.hits import HITS, Hit, HitKey, Subject
from delivery.negotiate import accepted_formats
from delivery.recent import RECENT
from delivery.respond import base_headers, body_headers, cache_control, cdn_headers, matches, server_timing
from delivery.service import Served, service
from delivery.signing import Verified, verify
from delivery.variants import VariantRequest, variant_request
from delivery.version import version_of
from pipeline.errors import DamagedImage, RenderFailed
from pipeline.spec import Format


@csrf_exempt
@require_safe
def variant(request: HttpRequest) -> HttpResponse:
    """`GET /i/<id or key>[/<name>.<ext>]?…&s=…`: verify, parse, negotiate, key, tiers, render."""
    start = time.perf_counter()
    path, query = request.path_info, request.META.get("QUERY_STRING", "")
    verified = verify(path, query, keyring.current().secrets, time.time())
    asked = parse_asked(path, verified)
    accepted = accepted_formats(request.headers.get("Accept", ""))
    hints = hints_of(query, request.META) if settings.CONFIG.delivery_client_hints else None
    known = _Known.of(asked)
    try:
        wanted, served, subjects = _answer(request, asked, known, accepted, hints or Hints())
    except (DamagedImage, RenderFailed, StorageUnavailable):
        before, known = known, _Known.of(asked, anew=True)
        if known.master.blob_id == before.master.blob_id:
            raise
        # Replaced while it was read (or deleted, which has just been told): what it is by now is the answer.
        wanted, served, subjects = _answer(request, asked, known, accepted, hints or Hints())
    hit = _hit(asked, verified, wanted, served, subjects)
    HITS.remember(HitKey(path, query, accepted, hints), hit, epoch=known.epoch)
    is_held = matches(request.headers.get("If-None-Match", ""), hit.etag)
    headers = dict(hit.headers_304 if is_held else hit.headers)
    # The time is asked again: a render may have taken a while of what was left.
    headers["Cache-Control"] = cache_control(
        revisioned=hit.revisioned, expires_at=verified.expires_at, now=time.time(), is_draft=hit.is_draft
    )
    headers["X-Cache"] = served.tier
    headers["Server-Timing"] = server_timing({**served.seconds, "total": time.perf_counter() - start})
    if is_held:
        return HttpResponseNotModified(headers=headers)
    return HttpResponse(b"" if request.method == "HEAD" else served.entry.body, headers=headers)


class _Known(NamedTuple):
    master: Master
    epoch: int

    @classmethod
    def of(cls, asked: Asked, *, anew: bool = False) -> _Known:
        """The epoch first: a purge that comes while the master is looked up must count."""
        epoch = HITS.epoch
        if anew:
            return cls(get_master(asked.reference), epoch)
        return cls(RECENT.get(asked.reference, revision=asked.revision or 0), epoch)


def _answer(
    request: HttpRequest, asked: Asked, known: _Known, accepted: tuple[Format, ...], seen: Hints
) -> tuple[VariantRequest, Served, tuple[Subject, ...]]:
    wishes, master = asked.wishes, known.master
    wanted = variant_request(
        master,
        chosen(wishes.spec, wishes.choice, seen, master.blob),
        accepted,
        save_data=seen.save_data and bool(wishes.choice),
    )
    subjects = _subjects(asked, wanted)
    admit, is_current = partial(admit_miss, request), partial(HITS.is_current, subjects, known.epoch)
    give_back()
    if answer_to(wanted, wishes.refine) == "final":
        wanted = compared(wanted, accepted, before_render=admit, is_current=is_current)
    served = service().fetch(wanted, refine=wishes.refine, before_render=admit, is_current=is_current)
    return wanted, served, subjects


def _hit(
    asked: Asked, verified: Verified, wanted: VariantRequest, served: Served, subjects: tuple[Subject, ...]
) -> Hit:
    """This will give what the edge needs to answer this URL by itself."""
    wishes, entry = asked.wishes, served.entry
    revisioned = asked.revision == wanted.master.revision and asked.version == version_of(wishes.preset, wanted.mark)
    is_draft = entry.receipt.provisional
    shared = (
        *base_headers(entry, negotiated=wanted.negotiated, hinted=wishes.choice.headers(wishes.spec)),
        *cdn_headers(revisioned=revisioned, expires_at=verified.expires_at, is_draft=is_draft),
    )
    return Hit(
        variant=wanted.key,
        signed_with=verified.key,
        expires_at=verified.expires_at,
        subjects=subjects,
        etag=entry.etag,
        revisioned=revisioned,
        headers=(*body_headers(entry, download=wishes.download), *shared),
        headers_304=shared,
        saved_bytes=saved_bytes(len(entry.body), wanted.master.blob.byte_size),
        is_draft=is_draft,
        ask_again_at=min(_ends(wanted, entry), default=None),
    )


def _ends(wanted: VariantRequest, entry: Entry) -> Iterator[float]:
    """When an origin must be asked again, and when the memory lets go of what is not settled: a draft, or one whose
    figures are still to come. The edge would go on to tell its receipt."""
    for each in (wanted.master, wanted.mark):
        if each is not None and each.recheck_at is not None:
            yield each.recheck_at.timestamp()
    if not entry.receipt.is_settled:
        yield time.time() + service().memory.seconds_left(wanted.key)


def _subjects(asked: Asked, wanted: VariantRequest) -> tuple[Subject, ...]:
    preset = asked.wishes.preset
    return (
        wanted.master.id,
        *((wanted.mark.id,) if wanted.mark else ()),
        *((preset.name,) if preset else ()),
    )


def admit_miss(request: HttpRequest) -> None:
    config = settings.CONFIG
    verdict = admit_ip(request.META, "miss", config.delivery_miss_rate, config.delivery_miss_burst)
    if not verdict.admitted:
        raise RateLimited(
            f"Expected at most {config.delivery_miss_rate:g} new variants a second for one address, received more.",
            verdict.retry_after_seconds,
        )
