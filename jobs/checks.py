"""System checks of background work: what would leave every job waiting is told when the service starts."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register()
def check_broker(**_: Any) -> list[CheckMessage]:
    config = settings.CONFIG
    if config.jobs_engine != "celery" or config.jobs_broker_url or config.redis_url:
        return []
    return [
        Error(
            "Expected a broker in IMGOPT_JOBS_BROKER_URL or REDIS_URL for IMGOPT_JOBS_ENGINE=celery, received none.",
            hint="Without a broker, IMGOPT_JOBS_ENGINE=table has workers look into the database.",
            id="jobs.E001",
        )
    ]
