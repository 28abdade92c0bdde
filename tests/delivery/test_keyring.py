"""Where signing keys are kept, who can read them, and what happens without any."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from delivery import keyring, signing
from delivery.errors import BadSignature, NoSigningKey
from delivery.models import SigningKey
from delivery.signing import sign_url, verify

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def table(settings: Settings, db: None) -> None:
    """Keys come from the table."""
    settings.IMGOPT_SIGNING_KEYS = ()
    keyring.forget()


def verifies(url: str) -> bool:
    try:
        path, _, query = url.partition("?")
        verify(path, query, keyring.current().secrets, 0)
    except BadSignature:
        return False
    return True


def test_a_new_key_signs_and_verifies(table: None) -> None:
    row = keyring.rotate()
    assert keyring.signer().kid == row.kid
    assert len(keyring.signer().secret) == 32
    assert verifies(sign_url("/i/a", ["w=8"], keyring.signer()))


def test_the_table_does_not_hold_the_secret(table: None) -> None:
    keyring.rotate()
    secret = keyring.signer().secret
    [row] = SigningKey.objects.values_list("sealed", "kid")
    kept = " ".join(row)
    decoded = base64.urlsafe_b64decode(row[0])
    assert secret not in decoded
    for text in (secret.hex(), base64.b64encode(secret).decode(), base64.urlsafe_b64encode(secret).decode()):
        assert text.rstrip("=") not in kept


def test_another_django_secret_does_not_read_the_keys(table: None, settings: Settings) -> None:
    keyring.rotate()
    url = sign_url("/i/a", ["w=8"], keyring.signer())
    former, settings.SECRET_KEY = settings.SECRET_KEY, "another secret, just as long as a secret should be"
    keyring.refresh()
    assert not keyring.current().secrets
    assert not verifies(url)
    with pytest.raises(NoSigningKey):
        keyring.signer()

    settings.SECRET_KEY_FALLBACKS = [former]
    keyring.refresh()
    assert verifies(url)


def test_a_damaged_row_does_not_verify_and_does_not_stop_the_others(table: None) -> None:
    good = keyring.rotate()
    SigningKey.objects.create(kid="bad", sealed="gAAAA not a token")
    keyring.refresh()
    assert set(keyring.current().secrets) == {good.kid}
    assert keyring.signer().kid == good.kid


def test_after_a_rotation_both_verify_and_the_new_one_signs(table: None) -> None:
    first = keyring.rotate()
    old = sign_url("/i/a", ["w=8"], keyring.signer())
    second = keyring.rotate()
    assert keyring.signer().kid == second.kid != first.kid
    new = sign_url("/i/a", ["w=8"], keyring.signer())
    assert old != new
    assert verifies(old)
    assert verifies(new)


def test_a_revoked_key_verifies_nothing(table: None) -> None:
    first = keyring.rotate()
    old = sign_url("/i/a", ["w=8"], keyring.signer())
    keyring.rotate()
    assert keyring.revoke(first.kid)
    assert not verifies(old)
    assert not keyring.revoke(first.kid), "a key is revoked once"
    assert not keyring.revoke("unknown")


def test_revoking_the_signer_hands_over_to_the_one_before(table: None) -> None:
    first, second = keyring.rotate(), keyring.rotate()
    keyring.revoke(second.kid)
    assert keyring.signer().kid == first.kid


def test_without_any_key_nothing_is_signed_and_nothing_verifies(table: None) -> None:
    url = sign_url("/i/a", ["w=8"], signing.SigningKey("k1", b"1" * 32))
    assert not verifies(url)
    with pytest.raises(NoSigningKey, match="signing_key rotate"):
        keyring.signer()


def test_the_environment_replaces_the_table(table: None, settings: Settings) -> None:
    row = keyring.rotate()
    from_table = sign_url("/i/a", ["w=8"], keyring.signer())
    settings.IMGOPT_SIGNING_KEYS = (("env1", "11" * 32), ("env2", "22" * 32))
    keyring.refresh()
    assert set(keyring.current().secrets) == {"env1", "env2"}
    assert keyring.signer().kid == "env1"
    assert row.kid not in keyring.current().secrets
    assert not verifies(from_table)


def test_the_database_is_asked_by_a_refresh_only(
    table: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    keyring.rotate()
    keyring.forget()
    with django_assert_num_queries(1):
        for _ in range(10):
            keyring.current()
            keyring.signer()


def test_another_process_sees_a_new_and_a_revoked_key_with_its_next_refresh(table: None) -> None:
    first = keyring.rotate()
    here = keyring.current()
    row = SigningKey.objects.create(kid="fresh", sealed=SigningKey.objects.get().sealed)
    SigningKey.objects.filter(kid=first.kid).update(revoked_at=row.created_at)
    assert keyring.current() is here
    assert set(keyring.refresh().secrets) == {"fresh"}


START = """
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
try:
    import imgopt.wsgi
except Exception as error:
    print("refused:", type(error).__name__, error)
else:
    print("started without a key")
from delivery import keyring
keyring.rotate()
import imgopt.wsgi
print("started with a key:", type(imgopt.wsgi.application).__name__)
"""


def test_the_service_does_not_start_without_a_key(tmp_path: Path) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("IMGOPT_", "DJANGO_"))},
        "DJANGO_SETTINGS_MODULE": "imgopt.settings",
        "IMGOPT_ENV_FILE": os.devnull,
        "IMGOPT_DATA_DIR": str(tmp_path),
    }
    run = subprocess.run(
        [sys.executable, "-c", START], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    refused, started = run.stdout.strip().splitlines()
    assert refused.startswith("refused: NoSigningKey There is no signing key")
    assert started == "started with a key: Edge"
