"""Sealed secrets, sealed anew: after Django's secret has changed, or with the secret of another installation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import models, transaction

from delivery import keyring
from delivery.models import SigningKey
from delivery.sealing import is_sealed_by_today, seal, unseal
from jobs.notifications import endpoint_secrets
from jobs.notifications.models import EndpointSecret

SEALED: tuple[tuple[type[models.Model], str], ...] = (
    (SigningKey, keyring.PURPOSE),
    (EndpointSecret, endpoint_secrets.PURPOSE),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resealed:
    changed: int
    closed: int
    """What no secret that is known opens."""


def reseal(*more: str) -> Resealed:
    """This will seal every secret with today's; `more`: former secrets, besides those of the settings."""
    changed = closed = 0
    with transaction.atomic():
        for model, purpose in SEALED:
            rows: Any = model._base_manager.select_for_update()
            for row in rows:
                if is_sealed_by_today(row.sealed, purpose=purpose):
                    continue
                secret = unseal(row.sealed, purpose=purpose, more=more)
                if secret is None:
                    closed += 1
                    continue
                row.sealed = seal(secret, purpose=purpose)
                row.save(update_fields=["sealed"])
                changed += 1
    return Resealed(changed=changed, closed=closed)
