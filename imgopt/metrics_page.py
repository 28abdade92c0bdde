"""`/metrics`: who may read the figures, and what they are, is in `delivery.exposition`."""

from __future__ import annotations

from collections.abc import Iterable

from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from delivery import counters
from delivery.exposition import admit, exposition
from delivery.request_id import HEADER, given_id
from delivery.sampling import SAMPLER
from delivery.watched import Environ, StartResponse
from imgopt.errors import response_to
from pipeline.errors import ImgoptError

PATH = "/metrics"


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
