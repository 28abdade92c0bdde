"""Secrets that must be had again, as signing needs them: encrypted with keys derived from Django's secret."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from functools import cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


def seal(secret: bytes, *, purpose: str) -> str:
    """This will encrypt a secret; what was sealed for one purpose does not open for another."""
    return _vault(settings.SECRET_KEY, purpose).encrypt(secret).decode()


def unseal(sealed: str, *, purpose: str, more: Sequence[str] = ()) -> bytes | None:
    """This will give the secret, or `None` where neither Django's secret nor a former one (nor `more`) opens it."""
    for django_secret in [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS, *more]:
        try:
            return _vault(django_secret, purpose).decrypt(sealed.encode())
        except InvalidToken:
            continue
    return None


def is_sealed_by_today(sealed: str, *, purpose: str) -> bool:
    """Whether Django's secret as it is now opens it, with no former one."""
    try:
        _vault(settings.SECRET_KEY, purpose).decrypt(sealed.encode())
    except InvalidToken:
        return False
    return True


@cache
def _vault(django_secret: str, purpose: str) -> Fernet:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"imgopt {purpose}".encode()).derive(
        django_secret.encode()
    )
    return Fernet(urlsafe_b64encode(key))
