"""Events are kept as long as the jobs that told them; what still waits to be told is kept until it is."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.utils import timezone

from jobs.claim import Claim
from jobs.kinds import kind
from jobs.models import LIVE
from jobs.notifications.models import Delivery, EndpointSecret, Event

PRUNE_AT_ONCE = 1000


@kind("prune_outbox", queue="upkeep")
def prune_outbox(claim: Claim) -> None:
    """This will remove old events, and secrets that have ended."""
    now = timezone.now()
    waiting = Delivery.objects.filter(event=OuterRef("pk"), job__state__in=LIVE)
    old = Event.objects.filter(~Exists(waiting), created_at__lt=now - timedelta(days=settings.CONFIG.jobs_keep_days))
    removed = 0
    while ids := list(old.order_by("id").values_list("id", flat=True)[:PRUNE_AT_ONCE]):
        Event.objects.filter(id__in=ids).delete()
        removed += len(ids)
        claim.check()
    EndpointSecret.objects.filter(expires_at__lt=now).delete()
    with claim.finishing(removed=removed):
        pass
