"""Secrets that must be had again, as signing needs them: encrypted with keys derived from Django's secret."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from functools import cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


def seal(secret: bytes, *, purpose: str) -> str:
    """This will encrypt a secret; what was sealed for one purpose does not open for another."""
    return _vault(settings.SECRET_KEY, purpose).encrypt(secret).decode()


def unseal(sealed: str, *, purpose: str) -> bytes | None:
    """This will give the secret, or `None` where neither Django's secret nor a former one opens it."""
    for django_secret in [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]:
        try:
            return _vault(django_secret, purpose).decrypt(sealed.encode())
        except InvalidToken:
            continue
    return None


@cache
def _vault(django_secret: str, purpose: str) -> Fernet:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"imgopt {purpose}".encode()).derive(
        django_secret.encode()
    )
    return Fernet(urlsafe_b64encode(key))
