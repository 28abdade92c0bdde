"""The figures of all processes of a machine in Prometheus's text format, for those who may read them.

Who comes from one of `IMGOPT_METRICS_NETWORKS` may, and who has the token. Whoever comes through a proxy has the
address that a trusted proxy vouches for, and none otherwise: a proxy on the same host must not open the page to the
world because its own address is a local one.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from apikeys.admission import is_from
from apikeys.errors import InvalidKey
from delivery import counters
from delivery.metrics_files import VARIABLE, forget_dead_processes
from pipeline.errors import ImgoptError


class MetricsRefused(ImgoptError):
    code = "forbidden"


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


def exposition(folder: str | None = None) -> bytes:
    """This will write the metrics of all processes that keep theirs in `folder` (else in that of the environment), or
    of this one where it is the only one."""
    folder = folder or os.environ.get(VARIABLE)
    if not folder:
        return generate_latest(counters.REGISTRY)
    forget_dead_processes(Path(folder))
    registry = CollectorRegistry()
    MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
