"""A URL that the edge knows, and an application behind it that can be counted on."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.http import HttpResponse

from delivery.edge import Edge
from delivery.hits import Hit, HitIndex, HitKey
from delivery.negotiate import accepted_formats
from delivery.respond import base_headers, body_headers
from delivery.tiers.memory import MemoryTier
from tests.delivery.world import BROWSER, KEY, Answer, call, entry, key, signed

URL = signed("/i/shoe/red.webp", "w=320", "v=1")
PICTURE = entry("the picture", size=5000)
NOW = 1_800_000_000
SHOE = uuid.uuid4()


class App:
    """Django's place. Counts calls and answers 200 `django`."""

    def __init__(self) -> None:
        self.calls = 0
        self.answer: Callable[[], Any] = lambda: HttpResponse(b"django")

    def __call__(self, environ: Any, start_response: Any) -> Any:
        self.calls += 1
        response = self.answer()
        start_response(f"{response.status_code} X", list(response.items()))
        return response


def known(
    hits: HitIndex,
    memory: MemoryTier | None,
    url: str = URL,
    *,
    accept: str = BROWSER,
    negotiated: bool = True,
    revisioned: bool = True,
    expires_at: int | None = None,
) -> None:
    """This will have the edge know a URL, and the memory its picture."""
    shared = base_headers(PICTURE, negotiated=negotiated)
    hit = Hit(
        variant=key(),
        signed_with=KEY,
        expires_at=expires_at,
        subjects=(SHOE,),
        etag=PICTURE.etag,
        revisioned=revisioned,
        headers=(*body_headers(PICTURE), *shared),
        headers_304=shared,
    )
    path, _, query = url.partition("?")
    hits.remember(HitKey(path, query, accepted_formats(accept)), hit, epoch=hits.epoch)
    if memory is not None:
        memory.put(key(), PICTURE)


def ask(edge: Edge, url: str = URL, accept: str = BROWSER, **options: Any) -> Answer:
    return call(edge, url, HTTP_ACCEPT=accept, **options)
