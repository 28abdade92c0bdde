from __future__ import annotations

from datetime import datetime, timedelta
from typing import Self

import uuid6
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from apikeys import gcra, scopes

USE_NOTED_EVERY = timedelta(minutes=1)


def default_rate() -> float:
    return float(settings.IMGOPT_APIKEYS_RATE)


def default_burst() -> int:
    return int(settings.IMGOPT_APIKEYS_BURST)


def validate_rate(value: float) -> None:
    _validate_limit(value, 1)


def validate_burst(value: int) -> None:
    _validate_limit(1, value)


def _validate_limit(rate: float, burst: int) -> None:
    try:
        gcra.Limit(rate=rate, burst=burst)
    except ValueError as error:
        raise ValidationError(str(error)) from error


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def usable(self, now: datetime) -> Self:
        """Neither revoked nor expired, and their owner, if any, has not been deactivated."""
        return self.filter(
            Q(expires_at=None) | Q(expires_at__gt=now),
            Q(owner=None) | Q(owner__is_active=True),
            revoked_at=None,
        )

    def with_scope(self, name: str) -> Self:
        return self.alias(wanted=F("scope_bits").bitand(int(scopes.parse([name])))).filter(wanted__gt=0)


class ApiKey(models.Model):
    """A key as we know it: never its text, only the prefix and the digest of it."""

    id = models.UUIDField(primary_key=True, default=uuid6.uuid7, editable=False)
    name = models.CharField(
        max_length=100,
        validators=[RegexValidator(r"\A[^\x00-\x1f\x7f]+\Z", "Expected a name without control characters.")],
        help_text="Who or what uses it, such as “shop backend”.",
    )
    # Who leaves takes the keys along; the admin refuses it as long as one of them is not revoked.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys", null=True, blank=True
    )
    prefix = models.CharField(max_length=8, unique=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    scope_bits = models.PositiveSmallIntegerField("scopes", validators=[MinValueValidator(1)])
    rate_per_second = models.FloatField(
        "calls a second",
        default=default_rate,
        validators=[validate_rate],
        help_text="In the long run, over all processes of this machine.",
    )
    burst = models.PositiveIntegerField(
        "calls at once",
        default=default_burst,
        validators=[validate_burst],
        help_text="So many may come at once before the rate counts.",
    )
    rotated_from = models.OneToOneField(
        "self", on_delete=models.SET_NULL, related_name="successor", null=True, blank=True, editable=False
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="UTC. Empty: it does not expire.")
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = "API key"
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(scope_bits__gte=1), name="apikeys_has_a_scope"),
            models.CheckConstraint(condition=Q(rate_per_second__gt=0, burst__gte=1), name="apikeys_has_a_limit"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def scopes(self) -> tuple[str, ...]:
        return scopes.names_of(self.scope_bits)

    def has_scope(self, name: str) -> bool:
        return name in self.scopes

    def status_at(self, now: datetime) -> str:
        """`active`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"

    def is_use_noted(self, now: datetime) -> bool:
        return self.last_used_at is not None and self.last_used_at > now - USE_NOTED_EVERY

    def note_use(self, now: datetime) -> None:
        """This will write `last_used_at` at most once a minute, whoever of many processes comes first."""
        due = Q(last_used_at=None) | Q(last_used_at__lte=now - USE_NOTED_EVERY)
        if type(self).objects.filter(due, pk=self.pk).update(last_used_at=now):
            self.last_used_at = now
