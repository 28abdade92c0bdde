"""Sealed secrets: who opens them, and for what."""

from __future__ import annotations

from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pytest_django import Settings

from delivery.sealing import seal, unseal


def test_what_was_sealed_opens_for_its_purpose_only() -> None:
    sealed = seal(b"secret", purpose="signing keys")
    assert unseal(sealed, purpose="signing keys") == b"secret"
    assert unseal(sealed, purpose="webhooks") is None
    assert unseal("no token", purpose="signing keys") is None


def test_a_former_django_secret_opens_and_a_foreign_one_does_not(settings: Settings) -> None:
    sealed = seal(b"secret", purpose="webhooks")
    former, settings.SECRET_KEY = settings.SECRET_KEY, "another secret, just as long as a secret should be"
    assert unseal(sealed, purpose="webhooks") is None
    settings.SECRET_KEY_FALLBACKS = [former]
    assert unseal(sealed, purpose="webhooks") == b"secret"


def test_signing_keys_of_the_first_release_still_open(settings: Settings) -> None:
    """They were sealed with a key derived like this."""
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"imgopt signing keys")
    sealed = Fernet(urlsafe_b64encode(hkdf.derive(settings.SECRET_KEY.encode()))).encrypt(b"secret").decode()
    assert unseal(sealed, purpose="signing keys") == b"secret"
