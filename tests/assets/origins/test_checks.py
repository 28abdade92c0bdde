"""System checks of the origins."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from assets.origins.checks import check_origins
from tests.delivery.world import configure


def ids(*addresses: str) -> list[str | None]:
    configure(origins=tuple((f"o{number}", address) for number, address in enumerate(addresses)))
    return [message.id for message in check_origins()]


@pytest.fixture
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Not below the test's data directory."""
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture
def _no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.2/never/asked")


def test_origins_that_are_right_are_passed_over(pictures: Path) -> None:
    assert ids() == []
    assert ids("https://shop.example.com/media", f"file://{pictures}", "http://93.184.215.14:8080") == []


def test_a_folder_that_is_not_there_is_warned_of(pictures: Path) -> None:
    assert ids(f"file://{pictures}/none") == ["assets.W001"]
    (pictures / "file").write_bytes(b"")
    assert ids(f"file://{pictures}/file") == ["assets.W001"]


def test_a_folder_with_the_secrets_in_it_is_an_error() -> None:
    data = Path(settings.IMGOPT_DATA_DIR)
    assert ids(f"file://{data}", f"file://{data}/masters", f"file://{data.parent}", "file:") == ["assets.E001"] * 4


@pytest.mark.usefixtures("_no_credentials")
def test_a_bucket_without_credentials_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ids("s3://pictures/media") == ["assets.W002"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "from the environment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "from the environment")
    assert ids("s3://pictures/media") == []
    monkeypatch.undo()
    configure(s3_access_key_id="key", s3_secret_access_key="secret")
    assert ids("s3://pictures/media") == []


def test_a_private_address_that_is_not_named_is_warned_of() -> None:
    assert ids("http://10.1.2.3/media", "http://[fd00::1]/") == ["assets.W003"] * 2
    configure(origins_private_networks=("10.0.0.0/8",))
    assert ids("http://10.1.2.3/media") == []


def test_an_address_that_could_be_read_in_two_ways_is_an_error() -> None:
    assert ids("http://127.1/", "http://user:pass@shop.example.com/", "http://0x7f.1/") == ["assets.E002"] * 3
