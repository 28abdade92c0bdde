"""The delivery endpoint: what the edge could not answer from memory."""

from __future__ import annotations

import time

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from apikeys.admission import admit_ip
from apikeys.errors import RateLimited
from delivery import keyring
from delivery.asked import parse_asked
from delivery.hits import HITS, Hit, HitKey
from delivery.negotiate import accepted_formats
from delivery.recent import RECENT
from delivery.respond import base_headers, body_headers, cache_control, matches, server_timing
from delivery.service import service
from delivery.signing import verify
from delivery.variants import variant_request


@csrf_exempt
@require_safe
def variant(request: HttpRequest) -> HttpResponse:
    """`GET /i/<id or key>[/<name>.<ext>]?…&s=…`: verify, parse, negotiate, key, tiers, render."""
    start = time.perf_counter()
    path, query = request.path_info, request.META.get("QUERY_STRING", "")
    verified = verify(path, query, keyring.current().secrets, time.time())
    asked = parse_asked(path, verified)
    accepted = accepted_formats(request.headers.get("Accept", ""))
    epoch = HITS.epoch
    master = RECENT.get(asked.reference, revision=asked.revision or 0)
    wanted = variant_request(master, asked.spec, accepted)
    served = service().fetch(
        wanted,
        before_render=lambda: _admit_miss(request),
        is_current=lambda: HITS.is_current(master.id, epoch),
    )

    revisioned = asked.revision == master.revision
    shared = base_headers(served.entry, negotiated=wanted.negotiated)
    hit = Hit(
        variant=wanted.key,
        signed_with=verified.key,
        expires_at=verified.expires_at,
        master_id=master.id,
        etag=served.entry.etag,
        revisioned=revisioned,
        headers=(*body_headers(served.entry), *shared),
        headers_304=shared,
    )
    HITS.remember(HitKey(path, query, accepted), hit, epoch=epoch)
    known = matches(request.headers.get("If-None-Match", ""), hit.etag)
    headers = dict(hit.headers_304 if known else hit.headers)
    # The time is asked again: a render may have taken a while of what was left.
    headers["Cache-Control"] = cache_control(revisioned=revisioned, expires_at=verified.expires_at, now=time.time())
    headers["X-Cache"] = served.tier
    headers["Server-Timing"] = server_timing({**served.seconds, "total": time.perf_counter() - start})
    if known:
        return HttpResponseNotModified(headers=headers)
    return HttpResponse(b"" if request.method == "HEAD" else served.entry.body, headers=headers)


def _admit_miss(request: HttpRequest) -> None:
    config = settings.CONFIG
    verdict = admit_ip(request.META, "miss", config.delivery_miss_rate, config.delivery_miss_burst)
    if not verdict.admitted:
        raise RateLimited(
            f"Expected at most {config.delivery_miss_rate:g} new variants a second for one address, received more.",
            verdict.retry_after_seconds,
        )
