"""A master's ladder, rendered as soon as it is uploaded (`IMGOPT_JOBS_WARM_UPLOADS`)."""

from __future__ import annotations

from django.conf import settings
from django.db.models.signals import post_save

from assets.models import Master
from jobs import ledger
from jobs.batches.spec import BatchSpec
from jobs.batches.work import KIND
from jobs.running import is_inside


def warm(instance: Master, *, created: bool, raw: bool, **_: object) -> None:
    """Within the transaction that makes the master: both are there, or neither."""
    is_upload = created and not raw and not instance.origin and not is_inside()
    if is_upload and settings.CONFIG.jobs_warm_uploads:
        ledger.enqueue(KIND, {"master": str(instance.id), "spec": BatchSpec().as_json()}, priority=-3)


post_save.connect(warm, sender=Master, dispatch_uid="jobs.batches.warming")
