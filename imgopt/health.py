"""Is the process alive, and can it work? The first asks nobody; the second asks each dependency, briefly."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from importlib import import_module

import structlog
from django.conf import settings
from django.core.cache import caches
from django.core.files.storage import storages
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from assets.children import render_pool

log = structlog.get_logger("imgopt.health")

LIMIT_SECONDS = 2.0
PROBE_NAME = "readyz-probe"


@csrf_exempt
@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """The process answers. (Under the real server `delivery.edge` says this before Django.)"""
    return JsonResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})


@csrf_exempt
@require_safe
def readyz(_request: HttpRequest) -> HttpResponse:
    """200 where every dependency answered within two seconds, else 503; each is named."""
    states = _probe_all(_probes())
    ready = all(state == "ok" for state in states.values())
    return JsonResponse(
        {"status": "ok" if ready else "unavailable", "dependencies": states},
        status=200 if ready else 503,
        headers={"Cache-Control": "no-store"},
    )


def _probes() -> Mapping[str, Callable[[], object]]:
    probes: dict[str, Callable[[], object]] = {
        "database": _probe_database,
        "masters": lambda: storages["masters"].exists(PROBE_NAME),
        "variants": lambda: storages["variants"].exists(PROBE_NAME),
        "renderer": lambda: render_pool().ping(),
    }
    if settings.CONFIG.redis_url:
        probes["redis"] = lambda: caches["shared"].get(PROBE_NAME)
    if settings.CONFIG.jobs_engine == "celery":
        probes["broker"] = lambda: import_module("jobs.engines.celery").probe()
    return probes


def _probe_database() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        connection.close()  # the probe's thread ends here, its connection must not outlive it


def _probe_all(probes: Mapping[str, Callable[[], object]]) -> dict[str, str]:
    """Daemon threads: one that hangs with its dependency must not keep the server from ending."""
    states = dict.fromkeys(probes, "timeout")

    def probe(name: str) -> None:
        try:
            probes[name]()
            states[name] = "ok"
        except Exception as error:
            log.warning("dependency failed", dependency=name, error=repr(error)[:200])
            states[name] = "failed"

    threads = [
        threading.Thread(target=probe, args=(name,), name=f"imgopt-readyz-{name}", daemon=True) for name in probes
    ]
    give_up_at = time.monotonic() + LIMIT_SECONDS
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, give_up_at - time.monotonic()))
    return dict(states)
