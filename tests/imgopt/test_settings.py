"""Django's settings, as they follow from the configuration."""

from __future__ import annotations

import os
import runpy
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from django.test import TestCase
from moto import mock_aws
from pytest_django import Settings

from assets.blobs import blob_source
from assets.models import Blob, Master
from assets.s3.client import forget
from delivery import keyring
from delivery.publish import signed_path
from imgopt import logs
from tests.assets.caller import Caller, Part, photo, problem
from tests.images import opened

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _temporary(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path)
    settings.WHITENOISE_AUTOREFRESH = True
    monkeypatch.setattr(logs, "configure", lambda **_: None)  # settings that are only looked at configure nothing


def settings_with(folder: Path, monkeypatch: pytest.MonkeyPatch, **environment: str) -> dict[str, Any]:
    """This will work out the settings anew, in a data directory of their own."""
    for name, value in {"IMGOPT_DATA_DIR": str(folder / "var"), **environment}.items():
        monkeypatch.setenv(name, value)
    return runpy.run_path(str(ROOT / "imgopt" / "settings.py"))


def test_the_secret_is_made_once_and_is_its_owners_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = settings_with(tmp_path, monkeypatch)["SECRET_KEY"]
    file = tmp_path / "var" / "secret_key"
    assert len(first) >= 50
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert settings_with(tmp_path, monkeypatch)["SECRET_KEY"] == first == file.read_text()
    assert sorted(path.name for path in file.parent.iterdir()) == ["secret_key", "tmp"]
    (tmp_path / "other").mkdir()
    assert settings_with(tmp_path / "other", monkeypatch)["SECRET_KEY"] != first


def test_a_given_secret_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings_with(tmp_path, monkeypatch, IMGOPT_SECRET_KEY="x" * 40)["SECRET_KEY"] == "x" * 40
    assert not (tmp_path / "var" / "secret_key").exists()


def test_processes_that_start_together_agree_on_the_secret(tmp_path: Path) -> None:
    program = "import imgopt.settings, sys; sys.stdout.write(imgopt.settings.SECRET_KEY)"
    environment = {
        **os.environ,
        "IMGOPT_DATA_DIR": str(tmp_path / "var"),
        "IMGOPT_ENV_FILE": os.devnull,
    }

    def start(_: int) -> str:
        return subprocess.check_output([sys.executable, "-c", program], cwd=ROOT, env=environment, text=True)

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(start, range(4)))) == 1
    assert sorted(path.name for path in (tmp_path / "var").iterdir()) == ["secret_key", "tmp"]


def test_a_setting_that_cannot_be_ends_every_command_with_its_sentence(tmp_path: Path) -> None:
    environment = {**os.environ, "IMGOPT_ENV_FILE": os.devnull, "IMGOPT_PORT": "many"}
    del environment["DJANGO_SETTINGS_MODULE"]
    done = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.strip() == "Expected an integer from 1 to 65535 for IMGOPT_PORT, received 'many'."


def test_the_public_address_decides_hosts_and_cookies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings_with(tmp_path, monkeypatch, IMGOPT_BASE_URL="https://images.example.com")
    assert "images.example.com" in found["ALLOWED_HOSTS"]
    assert found["CSRF_TRUSTED_ORIGINS"] == ["https://images.example.com"]
    assert found["SESSION_COOKIE_SECURE"] is found["CSRF_COOKIE_SECURE"] is True
    plain = settings_with(tmp_path, monkeypatch, IMGOPT_BASE_URL="")
    assert plain["SESSION_COOKIE_SECURE"] is False
    assert plain["IMGOPT_PUBLIC_URL"] == "http://127.0.0.1:8000"


def test_the_database_is_sqlite_or_what_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sqlite = settings_with(tmp_path, monkeypatch)["DATABASES"]["default"]
    assert (sqlite["ENGINE"], sqlite["NAME"]) == ("django.db.backends.sqlite3", tmp_path / "var" / "db.sqlite3")
    assert sqlite["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    postgres = settings_with(tmp_path, monkeypatch, DATABASE_URL="postgres://u:p%40w@db:5433/n")["DATABASES"]["default"]
    assert (postgres["ENGINE"], postgres["NAME"], postgres["USER"]) == ("imgopt.postgresql", "n", "u")
    assert (postgres["PASSWORD"], postgres["HOST"], postgres["PORT"]) == ("p@w", "db", 5433)
    assert postgres["OPTIONS"]["connect_timeout"] == 3


def test_an_endpoint_of_ones_own_is_addressed_by_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings_with(
        tmp_path,
        monkeypatch,
        IMGOPT_STORAGE="s3",
        AWS_S3_ENDPOINT_URL="http://127.0.0.1:9000",
        AWS_ACCESS_KEY_ID="id",
        AWS_SECRET_ACCESS_KEY="secret",
        IMGOPT_VARIANTS_BUCKET="v",
    )
    assert found["STORAGES"]["masters"]["OPTIONS"] == {"bucket_name": "imgopt-masters"}
    assert found["STORAGES"]["variants"]["OPTIONS"] == {"bucket_name": "v"}
    options = found["IMGOPT_S3_OPTIONS"]
    assert options["endpoint_url"] == "http://127.0.0.1:9000"
    assert options["client_config"].s3 == {"addressing_style": "path"}
    assert (options["access_key"], options["secret_key"]) == ("id", "secret")


@pytest.mark.parametrize(
    ("environment", "style"),
    [
        ({}, "auto"),
        ({"AWS_S3_ADDRESSING_STYLE": "path"}, "path"),
        ({"AWS_S3_ENDPOINT_URL": "https://s3.example.com", "AWS_S3_ADDRESSING_STYLE": "virtual"}, "virtual"),
    ],
)
def test_where_a_bucket_stands_in_an_address_can_be_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], style: str
) -> None:
    found = settings_with(tmp_path, monkeypatch, IMGOPT_STORAGE="s3", **environment)
    assert found["IMGOPT_S3_OPTIONS"]["client_config"].s3 == {"addressing_style": style}


@pytest.mark.django_db
def test_masters_and_variants_live_on_s3_by_configuration_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    names = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_S3_REGION_NAME": "eu-central-1"}
    with mock_aws():
        found = settings_with(tmp_path, monkeypatch, IMGOPT_STORAGE="s3", **names)
        settings.STORAGES, settings.CONFIG = found["STORAGES"], found["CONFIG"]
        settings.IMGOPT_S3_OPTIONS = found["IMGOPT_S3_OPTIONS"]
        forget()
        client = boto3.client("s3", region_name="eu-central-1")
        for bucket in ("imgopt-masters", "imgopt-variants"):
            client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})

        def objects(bucket: str) -> list[str]:
            return [found["Key"] for found in client.list_objects_v2(Bucket=bucket).get("Contents", [])]

        caller = Caller.with_scopes("upload", "read", "manage")
        image = caller.upload()
        caller.upload()
        blob = Blob.objects.get()
        assert objects("imgopt-masters") == [blob.storage_name]
        copy = Path(str(blob_source(blob)))
        assert copy.is_relative_to(settings.IMGOPT_DATA_DIR / "masters-cache")
        assert copy.read_bytes() == photo()
        assert caller.get(f"/image/{image['id']}").body == photo()
        assert caller.get(f"/image/{image['id']}", Range="bytes=10-19").body == photo()[10:20]

        keyring.rotate()
        path = signed_path(Master.objects.filter(blob=blob)[0], {"w": "32", "fm": "webp"})
        variant = Caller().get(path)
        assert (variant.status_code, opened(variant.body).size) == (200, (32, 24))
        assert len(objects("imgopt-variants")) == 1

        with TestCase.captureOnCommitCallbacks(execute=True):
            for master in list(Master.objects.all()):
                assert caller.delete(str(master.id)).status_code == 204
        assert objects("imgopt-masters") == []
        assert objects("imgopt-variants") == []

        client.delete_bucket(Bucket="imgopt-masters")
        assert problem(caller.post_form(Part(photo())))[:2] == (503, "storage_unavailable")
        assert not Master.objects.exists()
    forget()
