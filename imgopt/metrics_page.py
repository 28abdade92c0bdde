"""`/metrics`: the figures of all server processes in Prometheus's text format, for those who may read them.

Who comes from one of `IMGOPT_METRICS_NETWORKS` may, and who has the token. Whoever comes through a proxy has the
address that a trusted proxy vouches for, and none otherwise: a proxy on the same host must not open the page to the
world because its own address is a local one.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from apikeys.admission import is_from
from apikeys.errors import InvalidKey
from delivery import counters
from delivery.request_id import HEADER, given_id
from delivery.sampling import SAMPLER
from delivery.watched import Environ, StartResponse
from imgopt.errors import response_to
from imgopt.metrics_files import VARIABLE, forget_dead_processes
from pipeline.errors import ImgoptError

PATH = "/metrics"


class MetricsRefused(ImgoptError):
    code = "forbidden"


@csrf_exempt
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Neither a key nor a limit of the API counts here: a scrape must work while the API is worn out."""
    admit(request.META)
    SAMPLER.sample()
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"})


def page(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """The same before Django: it answers while all places are taken, and by whichever host name it is asked."""
    try:
        response = metrics(WSGIRequest(environ))
    except ImgoptError as error:
        response = response_to(error)
    given = given_id(environ)
    if given is not None:
        response[HEADER] = given
    counters.REQUESTS.labels("metrics", f"{response.status_code // 100}xx").inc()
    body = response.content
    response["Content-Length"] = str(len(body))
    start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]


def admit(environ: Mapping[str, Any]) -> None:
    """This will return, or raise `MetricsRefused` or, where a token came that is not ours, `InvalidKey`."""
    token = settings.CONFIG.metrics_token
    scheme, _, given = str(environ.get("HTTP_AUTHORIZATION", "")).strip().partition(" ")
    if token and scheme.lower() == "bearer":
        # WSGI hands headers on as Latin-1.
        if not hmac.compare_digest(given.strip().encode("latin-1", "replace"), token.encode()):
            raise InvalidKey("Expected the token of IMGOPT_METRICS_TOKEN, received another one.")
        return
    if not is_from(environ, settings.CONFIG.metrics_networks):
        raise MetricsRefused("Expected a caller from IMGOPT_METRICS_NETWORKS or with the token for metrics.")


def exposition() -> bytes:
    """This will write the metrics of all processes, or of this one where it is the only one."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        return generate_latest(counters.REGISTRY)
    forget_dead_processes(Path(folder))
    registry = CollectorRegistry()
    MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
