"""Django's secret changes, and what it sealed goes on opening."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from delivery import keyring
from delivery.models import SigningKey
from imgopt.resealing import Resealed, reseal
from jobs.notifications import endpoint_secrets
from jobs.notifications.models import Endpoint, EndpointSecret

pytestmark = pytest.mark.django_db

OLD, NEW = "o" * 40, "n" * 40


@pytest.fixture
def sealed(settings: Settings) -> dict[str, bytes]:
    settings.SECRET_KEY = OLD
    keyring.rotate()
    keyring.rotate()
    endpoint_secrets.issue(Endpoint.objects.create(url="https://example.com/hook"))
    return dict(keyring.refresh().secrets)


def test_a_former_secret_opens_until_all_is_sealed_anew(sealed: dict[str, bytes], settings: Settings) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [OLD]
    assert keyring.refresh().secrets == sealed
    assert reseal() == Resealed(changed=3, closed=0)
    settings.SECRET_KEY_FALLBACKS = []
    assert keyring.refresh().secrets == sealed
    assert len(endpoint_secrets.usable(Endpoint.objects.get(), EndpointSecret.objects.get().created_at)) == 1
    assert reseal() == Resealed(changed=0, closed=0), "once is enough"


def test_without_the_former_secret_they_stay_closed_and_as_they_are(
    sealed: dict[str, bytes], settings: Settings, tmp_path: Path
) -> None:
    before = list(SigningKey.objects.values_list("sealed", flat=True))
    settings.SECRET_KEY = NEW
    assert keyring.refresh().secrets == {}
    with pytest.raises(CommandError, match="3 do not open"):
        call_command("reseal", stdout=io.StringIO())
    assert list(SigningKey.objects.values_list("sealed", flat=True)) == before
    (tmp_path / "former").write_text(f"{OLD}\n")
    call_command("reseal", secret=tmp_path / "former", stdout=io.StringIO())
    assert keyring.refresh().secrets == sealed


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="Expected a readable file"):
        call_command("reseal", secret=tmp_path / "none")
