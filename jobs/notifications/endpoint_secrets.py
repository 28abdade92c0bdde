"""The life of an endpoint's secrets: issued, rotated, used. The text of one is in one answer, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from delivery.sealing import seal, unseal
from jobs.notifications import signatures
from jobs.notifications.errors import NotDelivered
from jobs.notifications.models import Endpoint, EndpointSecret

log = structlog.get_logger("jobs.notifications")

PURPOSE = "webhook secrets"


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedSecret:
    """A secret and its text. The text exists here and nowhere else: show it once, then forget it."""

    text: str = field(repr=False)
    endpoint: Endpoint
    former_until: datetime | None = None
    """Until then webhooks are signed with the former secrets too."""


@sensitive_variables("secret")
def issue(endpoint: Endpoint) -> IssuedSecret:
    """This will give a saved endpoint one more secret."""
    secret = signatures.new_secret()
    EndpointSecret.objects.create(endpoint=endpoint, sealed=seal(secret, purpose=PURPOSE))
    log.info("webhook secret issued", endpoint=str(endpoint.pk), host=endpoint.host)
    return IssuedSecret(text=signatures.text_of(secret), endpoint=endpoint)


def rotate(endpoint: Endpoint, overlap: timedelta, *, now: datetime | None = None) -> IssuedSecret:
    """This will issue a secret and end the former ones after `overlap`; one that ends sooner still does."""
    now = now or timezone.now()
    former, until = endpoint.secrets.all(), now + overlap
    with transaction.atomic():
        former.filter(expires_at__lte=now).delete()
        had_some = former.filter(Q(expires_at=None) | Q(expires_at__gt=until)).update(expires_at=until)
        issued = issue(endpoint)
    return IssuedSecret(text=issued.text, endpoint=endpoint, former_until=until if had_some and overlap else None)


def newest_id(endpoint: Endpoint) -> int:
    return endpoint.secrets.values_list("id", flat=True).first() or 0


@sensitive_variables("found", "secret")
def usable(endpoint: Endpoint, now: datetime) -> list[bytes]:
    """This will give what to sign with, the newest first."""
    rows = [row for row in endpoint.secrets.all() if row.is_usable(now)]
    found = [secret for row in rows if (secret := unseal(row.sealed, purpose=PURPOSE)) is not None]
    if not found:
        raise NotDelivered("The endpoint has no secret that can be read: rotate it.")
    return found
