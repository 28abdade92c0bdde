"""The life of an API key: issue, authenticate, rotate, revoke.

Every authentication asks the database (one indexed row), so a revocation counts in every process from the next call.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from apikeys import scopes as scope_table
from apikeys import tokens
from apikeys.errors import InvalidKey
from apikeys.models import ApiKey, default_burst, default_rate
from pipeline.errors import BadParameter

log = structlog.get_logger(__name__)

NO_DIGEST = "0" * 64  # compared with when the prefix is unknown, so that the answer takes as long


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedKey:
    """A key and its text. The text exists here and nowhere else: show it once, then forget it."""

    token: str = field(repr=False)
    key: ApiKey


def issue(
    *,
    name: str,
    scopes: Iterable[str],
    owner: AbstractBaseUser | None = None,
    expires_at: datetime | None = None,
    rate_per_second: float | None = None,
    burst: int | None = None,
    env: str | None = None,
    now: datetime | None = None,
) -> IssuedKey:
    """This will make and store a key, or raise `BadParameter`. Limits and env default to the settings."""
    now = now or timezone.now()
    if expires_at is not None and expires_at <= now:
        raise BadParameter(f"Expected a time to come for expires_at, received {expires_at.isoformat()}.")
    key = ApiKey(
        name=name,
        scope_bits=int(scope_table.parse(scopes)),
        expires_at=expires_at,
        rate_per_second=default_rate() if rate_per_second is None else rate_per_second,
        burst=default_burst() if burst is None else burst,
        created_at=now,
        owner_id=None if owner is None else owner.pk,
    )
    return IssuedKey(token=mint(key, env=env), key=key)


@sensitive_variables("token")
def mint(key: ApiKey, *, env: str | None = None) -> str:
    """This will give an unsaved key its prefix and digest, save it, and return the text to show once."""
    env = settings.IMGOPT_APIKEYS_ENV if env is None else env
    if not tokens.ENV.fullmatch(env):
        raise BadParameter(f"Expected a short lower-case word for env, such as live, received {env!r}.")
    token = tokens.issue(env)
    while ApiKey.objects.filter(prefix=token.prefix).exists():
        token = tokens.issue(env)
    key.prefix, key.digest = token.prefix, token.digest
    try:
        key.full_clean(validate_unique=False)
    except ValidationError as error:
        field_name, messages = next(iter(error.message_dict.items()))
        raise BadParameter(f"{field_name}: {messages[0]}") from error
    key.save(force_insert=True)
    log.info("API key issued", prefix=key.prefix, scopes=list(key.scopes))
    return token.text


@sensitive_variables("token")
def authenticate(token: str, now: datetime | None = None) -> ApiKey:
    """This will give the key that `token` is the text of, or raise `InvalidKey`."""
    now = now or timezone.now()
    prefix = tokens.parse(token)
    key = ApiKey.objects.select_related("owner").filter(prefix=prefix).first()
    if not tokens.is_same(tokens.digest_of(token), NO_DIGEST if key is None else key.digest) or key is None:
        raise InvalidKey
    # From here on the caller has shown the secret, and may hear the reason.
    status = key.status_at(now)
    if status != "active":
        raise InvalidKey(f"Expected a key that is in use, received {key.prefix}, which is {status}.")
    if key.owner is not None and not key.owner.is_active:
        raise InvalidKey(f"Expected a key that is in use, received {key.prefix}, whose owner is deactivated.")
    _note_use(key, now)
    return key


def _note_use(key: ApiKey, now: datetime) -> None:
    """The note is a courtesy: a locked or read-only database must not turn a right key away."""
    if key.is_use_noted(now):
        return  # before the transaction: in SQLite each of them takes the one lock for writing
    try:
        with transaction.atomic():
            key.note_use(now)
    except DatabaseError as error:
        log.warning("last use of an API key not noted", prefix=key.prefix, reason=str(error))


def revoke(key: ApiKey, now: datetime | None = None) -> bool:
    """This will end the key at once; False when somebody had revoked it before."""
    now = now or timezone.now()
    if not ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now):
        return False
    key.revoked_at = now
    log.info("API key revoked", prefix=key.prefix)
    return True


@sensitive_variables("token")
def rotate(key: ApiKey, overlap: timedelta, *, env: str | None = None, now: datetime | None = None) -> IssuedKey:
    """This will issue a successor with the same scopes, limits and term; the old key ends after `overlap`.

    A key has one successor: who loses that race, or comes with a key that has ended, gets `BadParameter`.
    """
    now = now or timezone.now()
    if overlap < timedelta(0):
        raise BadParameter(f"Expected no less than nothing for overlap, received {overlap}.")
    successor = ApiKey(
        name=key.name,
        owner=key.owner,
        scope_bits=key.scope_bits,
        rate_per_second=key.rate_per_second,
        burst=key.burst,
        created_at=now,
        expires_at=None if key.expires_at is None else now + (key.expires_at - key.created_at),
        rotated_from=key,
    )
    try:
        with transaction.atomic():
            _end_by(key, now + overlap, now)
            token = mint(successor, env=env)
    except IntegrityError as error:
        raise BadParameter(f"Expected a key without a successor to rotate, received {key.prefix}.") from error
    log.info("API key rotated", prefix=key.prefix, successor=successor.prefix)
    return IssuedKey(token=token, key=successor)


def _end_by(key: ApiKey, ends_at: datetime, now: datetime) -> None:
    """This will bring the expiry forward, never back. Losing means that the key ended meanwhile."""
    ends_at = ends_at if key.expires_at is None else min(ends_at, key.expires_at)
    if not ApiKey.objects.usable(now).filter(pk=key.pk).update(expires_at=ends_at):
        raise BadParameter(f"Expected a key that is in use to rotate, received {key.prefix}.")
    key.expires_at = ends_at
