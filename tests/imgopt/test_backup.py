"""A backup is whole or refused, and what is restored from it is what was there."""

from __future__ import annotations

import gzip
import json
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from imgopt.backup import manifest, rows
from tests.e2e.server import Server
from tests.fleet import fleet, objects
from tests.imgopt.installation import Installation

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The embedded shape, with an admin, a key, two demo masters and a URL that was signed."""
    found = Installation(tmp_path_factory.mktemp("home"))
    found.manage("prepare")
    return found


@pytest.fixture(scope="module")
def kept(home: Installation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept")
    told = home.manage("backup", str(folder / "backup"), "--secret", str(folder / "secret"))
    assert "and 2 masters" in told
    return folder


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation that has its tables and nothing in them, to be copied."""
    found = Installation(tmp_path_factory.mktemp("migrated"))
    found.manage("migrate", "-v0")
    return found.data


@pytest.fixture
def other(migrated: Path, tmp_path: Path) -> Installation:
    shutil.copytree(migrated, tmp_path / "other")
    return Installation(tmp_path / "other")


@pytest.fixture
def copy(kept: Path, tmp_path: Path) -> Path:
    """One that may be spoilt."""
    shutil.copytree(kept / "backup", tmp_path / "backup")
    return tmp_path / "backup"


def content(backup: Path) -> list[dict[str, Any]]:
    """All rows, without what is sealed: that differs each time, though the secret in it does not."""
    found = [json.loads(line) for line in gzip.decompress((backup / "rows.jsonl.gz").read_bytes()).splitlines()]
    for row in found:
        row["fields"].pop("sealed", None)
    return found


def test_a_backup_is_closed_to_others_and_its_masters_can_be_checked_by_anybody(kept: Path) -> None:
    assert (kept / "backup").stat().st_mode & 0o077 == 0
    assert (kept / "secret").stat().st_mode & 0o077 == 0
    subprocess.run(["sha256sum", "--check", "--strict", "masters.sha256"], cwd=kept / "backup", check=True)
    secret = (kept / "secret").read_text()
    assert len(secret) > 30
    for file in (kept / "backup").rglob("*"):
        assert file.is_dir() or secret.encode() not in file.read_bytes()
    assert secret not in "".join(map(json.dumps, content(kept / "backup")))


def test_every_kind_of_row_is_kept_but_for_three() -> None:
    assert len(rows.kept()) > 15
    assert {model._meta.label_lower for model in rows.kept()}.isdisjoint(rows.LEFT_OUT)


def test_a_restored_installation_is_the_same_and_old_urls_hold(home: Installation, kept: Path, tmp_path: Path) -> None:
    url = home.manage("sign_url", "demo/harbour", "w=320").strip().removeprefix("http://127.0.0.1:8000")
    other = Installation(tmp_path / "other")
    told = other.manage("restore", str(kept / "backup"), "--secret", str(kept / "secret"))
    assert "2 masters restored" in told
    assert other.manage("reseal").startswith("0 sealed anew"), "it was done"
    other.manage("backup", str(tmp_path / "again"))
    assert content(tmp_path / "again") == content(kept / "backup")
    server = Server(other.data, {"IMGOPT_JOBS_WORKERS": "0"})
    server.start()
    try:
        assert server.request(url).status == 200
    finally:
        server.stop()


def test_without_the_secret_it_says_what_is_closed(kept: Path, other: Installation) -> None:
    told = other.manage("restore", str(kept / "backup"), fails=True)
    assert "1 secrets do not open" in told
    assert other.manage("reseal", "--secret", str(kept / "secret")).startswith("1 sealed anew")


def test_only_an_empty_installation_is_restored_into(home: Installation, kept: Path) -> None:
    before = (home.data / "db.sqlite3").read_bytes()
    assert "Expected an empty installation" in home.manage("restore", str(kept / "backup"), fails=True)
    assert (home.data / "db.sqlite3").read_bytes() == before


def spoil_rows(backup: Path) -> None:
    (backup / "rows.jsonl.gz").write_bytes((backup / "rows.jsonl.gz").read_bytes()[:-1] + b"x")


def spoil_master(backup: Path) -> None:
    victim = next(file for file in (backup / "masters").rglob("*") if file.is_file())
    victim.write_bytes(victim.read_bytes()[:-1] + b"x")


def lose_master(backup: Path) -> None:
    next(file for file in (backup / "masters").rglob("*") if file.is_file()).unlink()


def lose_manifest(backup: Path) -> None:
    (backup / "manifest.json").unlink()


def change_manifest(backup: Path, **changes: Any) -> None:
    document = json.loads((backup / "manifest.json").read_text())
    (backup / "manifest.json").write_text(json.dumps({**document, **changes}))


def of_another_release(backup: Path) -> None:
    there = json.loads((backup / "manifest.json").read_text())["migrations"]
    change_manifest(backup, migrations=[*there, "assets.9999_later"])


def of_another_format(backup: Path) -> None:
    change_manifest(backup, format=2)


def leading_elsewhere(backup: Path) -> None:
    file = backup / "masters.sha256"
    first, *others = file.read_text().splitlines(keepends=True)
    file.write_text("".join([f"{first.split()[0]}  masters/../../secret_key\n", *others]))
    change_manifest(backup, digests_sha256=manifest.sha256_of(file))


def with_rows_too_few(backup: Path) -> None:
    change_manifest(backup, rows=manifest.read(backup).rows + 1)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (spoil_rows, "rows.jsonl.gz is not what the manifest says"),
        (spoil_master, "is damaged"),
        (lose_master, "is damaged"),
        (lose_manifest, "Expected the folder of a backup that was finished"),
        (of_another_release, "restore it with that release"),
        (of_another_format, "Expected a backup of format 1, received one of 2"),
        (leading_elsewhere, "Expected the place of a master"),
        (with_rows_too_few, "not as many rows"),
    ],
)
def test_what_is_not_whole_or_does_not_fit_leaves_nothing_behind(
    spoil: Any, told: str, copy: Path, other: Installation
) -> None:
    spoil(copy)
    assert told in other.manage("restore", str(copy), fails=True)
    with closing(sqlite3.connect(other.data / "db.sqlite3")) as database:
        for table in ("assets_blob", "assets_master", "auth_user", "delivery_signingkey"):
            assert database.execute(f"SELECT COUNT(*) FROM {table}").fetchone() == (0,), table
    assert not [file for file in (other.data / "masters").rglob("*") if file.is_file()]


def test_bytes_that_were_there_before_are_there_after_a_restore_that_failed(
    kept: Path, copy: Path, other: Installation
) -> None:
    """The bucket has outlived its database; what it has is perhaps nowhere else."""
    shutil.copytree(kept / "backup" / "masters", other.data / "masters", dirs_exist_ok=True)
    before = {file: file.read_bytes() for file in (other.data / "masters").rglob("*") if file.is_file()}
    [*_, last] = manifest.digests(copy)
    victim = other.data / "masters" / last[0]
    victim.unlink()
    victim.mkdir()  # so that it cannot be stored, after the first one was found in its place
    other.manage("restore", str(copy), fails=True)
    del before[victim]
    assert before
    assert {file: file.read_bytes() for file in before} == before


def test_a_damaged_master_is_told_and_the_others_are_kept(home: Installation, kept: Path, tmp_path: Path) -> None:
    with spoilt(home) as name:
        told = home.manage("backup", str(tmp_path / "backup"), fails=True)
    assert "1 masters are missing or damaged" in told
    assert name in told
    assert len(list(manifest.digests(tmp_path / "backup"))) == 1


@contextmanager
def spoilt(home: Installation) -> Iterator[str]:
    victim = next(file for file in (home.data / "masters").rglob("*") if file.is_file())
    whole = victim.read_bytes()
    victim.write_bytes(whole[:-1])
    yield victim.name
    victim.write_bytes(whole)


def test_nothing_is_written_over_and_the_secret_lies_apart(home: Installation, kept: Path, tmp_path: Path) -> None:
    assert "is not there yet" in home.manage("backup", str(kept / "backup"), fails=True)
    inside = tmp_path / "new" / "secret"
    assert "outside of the backup" in home.manage("backup", str(tmp_path / "new"), "--secret", str(inside), fails=True)
    assert not (tmp_path / "new").exists()
    assert "can be made" in home.manage("backup", str(tmp_path / "b"), "--secret", str(kept / "secret"), fails=True)


@pytest.mark.services
def test_from_files_to_postgresql_and_s3_and_back(kept: Path, tmp_path: Path) -> None:
    with fleet(tmp_path, servers=0) as machines:
        big = Installation(tmp_path / "machine", {**machines.environment})
        told = big.manage("restore", str(kept / "backup"), "--secret", str(kept / "secret"))
        assert "2 masters restored" in told
        assert len(objects(machines.environment["IMGOPT_MASTERS_BUCKET"])) == 2
        big.manage("signing_key", "rotate")  # its number comes after those of the rows that were restored
        big.manage("backup", str(tmp_path / "from-big"), "--secret", str(tmp_path / "big-secret"))
    small = Installation(tmp_path / "small")
    small.manage("restore", str(tmp_path / "from-big"), "--secret", str(tmp_path / "big-secret"))
    small.manage("backup", str(tmp_path / "from-small"))
    assert content(tmp_path / "from-small") == content(tmp_path / "from-big")
    first = [row for row in content(kept / "backup") if row["model"] != "delivery.signingkey"]
    assert [row for row in content(tmp_path / "from-small") if row["model"] != "delivery.signingkey"] == first
    assert small.manage("signing_key", "list").count("verifies") == 1
