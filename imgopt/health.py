"""Is the process alive, and can it work? The first asks nobody; the second asks each dependency, briefly.

`/readyz` is strict: whatever is away makes it a 503. Who decides about traffic by it takes all machines out when what
they share is away, though each could still answer its hits; `?only=renderer` asks for what is the machine's own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from importlib import import_module
from typing import NamedTuple

import structlog
from django.conf import settings
from django.core.cache import caches
from django.core.files.storage import storages
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from assets.children import render_pool
from assets.s3.kind import is_s3
from pipeline.errors import BadParameter

log = structlog.get_logger("imgopt.health")

LIMIT_SECONDS = 2.0
PROBE_NAME = "readyz-probe"
_joining = threading.Lock()


class Probed(NamedTuple):
    state: str
    """`ok`, `failed` or `timeout`."""
    milliseconds: float


_rounds: dict[tuple[str, ...], Future[dict[str, Probed]]] = {}
"""Those under way, by the names of what they probe."""


@csrf_exempt
@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """The process answers. (Under the real server `delivery.edge` says this before Django.)"""
    return JsonResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})


@csrf_exempt
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 where every dependency answered within two seconds, else 503; each is named. `only=` names some of them."""
    found = _probe_together(_chosen(_probes(), request.GET.get("only")))
    ready = all(one.state == "ok" for one in found.values())
    return JsonResponse(
        {
            "status": "ok" if ready else "unavailable",
            "dependencies": {name: one.state for name, one in found.items()},
            "milliseconds": {name: one.milliseconds for name, one in found.items()},
        },
        status=200 if ready else 503,
        headers={"Cache-Control": "no-store"},
    )


def _chosen(probes: Mapping[str, Callable[[], object]], only: str | None) -> Mapping[str, Callable[[], object]]:
    if only is None:
        return probes
    names = only.split(",")
    for name in names:
        if name not in probes:
            raise BadParameter(f"Expected names out of {', '.join(probes)} for only, received {name[:50]!r}.")
    return {name: probes[name] for name in names}


def _probes() -> Mapping[str, Callable[[], object]]:
    probes: dict[str, Callable[[], object]] = {
        "database": _probe_database,
        "masters": lambda: _probe_storage("masters"),
        "variants": lambda: _probe_storage("variants"),
        "renderer": lambda: render_pool().ping(),
    }
    if settings.CONFIG.redis_url:
        probes["redis"] = lambda: caches["shared"].get(PROBE_NAME)
    if settings.CONFIG.jobs_engine == "celery":
        probes["broker"] = lambda: import_module("jobs.engines.celery").probe()
    return probes


def _probe_storage(alias: str) -> None:
    storage = storages[alias]
    if is_s3(storage):
        storage.probe()
    else:
        storage.exists(PROBE_NAME)


def _probe_database() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        connection.close()  # the probe's thread ends here, its connection must not outlive it


def _probe_together(probes: Mapping[str, Callable[[], object]]) -> dict[str, Probed]:
    """This will probe, or tell what a round finds that is under way: everybody may ask, and a thousand who do must not
    keep the database and S3 busy."""
    names = tuple(sorted(probes))
    with _joining:
        under_way = _rounds.get(names)
        if under_way is None:
            mine = _rounds[names] = Future()
    if under_way is not None:
        return under_way.result()
    try:
        mine.set_result(_probe_all(probes))
    except BaseException as error:
        mine.set_exception(error)
    finally:
        with _joining:
            del _rounds[names]
    return mine.result()


def _probe_all(probes: Mapping[str, Callable[[], object]]) -> dict[str, Probed]:
    """Daemon threads: one that hangs with its dependency must not keep the server from ending."""
    start = time.monotonic()
    found = dict.fromkeys(probes, Probed("timeout", round(1000 * LIMIT_SECONDS, 1)))

    def probe(name: str) -> None:
        try:
            probes[name]()
            state = "ok"
        except Exception as error:
            log.warning("dependency failed", dependency=name, error=repr(error)[:200])
            state = "failed"
        found[name] = Probed(state, round(1000 * (time.monotonic() - start), 1))

    threads = [
        threading.Thread(target=probe, args=(name,), name=f"imgopt-readyz-{name}", daemon=True) for name in probes
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, start + LIMIT_SECONDS - time.monotonic()))
    return dict(found)
