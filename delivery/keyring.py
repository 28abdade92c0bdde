"""The signing keys of this process: from the environment, or from the table, read again every two seconds."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.utils import timezone

from delivery import models
from delivery.errors import NoSigningKey
from delivery.sealing import seal, unseal
from delivery.signing import Keyring, SigningKey

PURPOSE = "signing keys"

_current: Keyring | None = None


def current() -> Keyring:
    """This will give the keys as last read, without touching the database after the first time."""
    return _current or refresh()


def refresh() -> Keyring:
    """This will read the keys again. A key that cannot be decrypted does not verify: it fails closed."""
    global _current
    if settings.IMGOPT_SIGNING_KEYS:
        keys = [SigningKey(kid, bytes.fromhex(text)) for kid, text in settings.IMGOPT_SIGNING_KEYS]
    else:
        rows = models.SigningKey.objects.filter(revoked_at=None)
        keys = [
            SigningKey(row.kid, secret) for row in rows if (secret := unseal(row.sealed, purpose=PURPOSE)) is not None
        ]
    _current = Keyring(keys[0] if keys else None, {key.kid: key.secret for key in keys})
    return _current


def forget() -> None:
    """This will have the next use read the keys again."""
    global _current
    _current = None


def signer() -> SigningKey:
    key = current().signer or refresh().signer
    if key is None:
        raise NoSigningKey(
            "There is no signing key: set IMGOPT_SIGNING_KEYS, or make one with `manage.py signing_key rotate`."
        )
    return key


def rotate() -> models.SigningKey:
    """This will make a new key that signs from now on; the older ones go on verifying until they are revoked."""
    row = models.SigningKey.objects.create(
        kid=secrets.token_hex(4), sealed=seal(secrets.token_bytes(32), purpose=PURPOSE)
    )
    refresh()
    return row


def revoke(kid: str) -> bool:
    """This will end a key: what it signed is refused by every process within five seconds."""
    changed = models.SigningKey.objects.filter(kid=kid, revoked_at=None).update(revoked_at=timezone.now())
    refresh()
    return bool(changed)
